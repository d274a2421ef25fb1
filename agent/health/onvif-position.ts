import { textOf } from './onvif-xml.ts';
import { attributeOf, type Tag, tagsOf } from './xml-tags.ts';

/** Where a moving camera looks, in the units of its space: −1 to 1 by default (ONVIF PTZ, generic spaces). */
export interface Position {
  pan: number;
  tilt: number;
  zoom?: number;
}

/** A position with what is needed to compare it. */
interface Place {
  position: Position;
  /** What the figures are measured in; empty where the device does not say. */
  space: string;
}

/** Devices keep some 300, at 300 bytes each. */
const maxPresets = 512;
const maxChars = 64;
/** Of the generic space: 1.8° of a camera that turns right round; motors come back within a tenth of it. */
const genericTolerance = 0.01;
/** Of a space in degrees. */
const degreesTolerance = 1.8;
/** Of the zoom, 0 to 1. */
const zoomTolerance = 0.02;

/** The position that GetStatus answers; undefined where it tells none. */
export function positionOf(xml: string): Position | undefined {
  return placeOf(tagsOf(xml))?.position;
}

/**
 * Name of the preset at which the camera stands: the nearest of those in the answer to GetPresets that are no farther
 * from the position in the answer to GetStatus than a motor's inaccuracy. Undefined while it moves, where no preset is
 * that near or two stand in one place (some devices give all of a row the same), and where presets have no positions.
 */
export function presetAt(status: string, presets: string): string | undefined {
  const here = placeOf(tagsOf(status));
  if (here === undefined || /<(?:[\w.-]+:)?(?:PanTilt|Zoom)\s*>\s*MOVING\s*</.test(status)) return undefined;
  let nearest: { name: string; apart: number; alone: boolean } | undefined;
  for (const { name, place } of presetsOf(presets)) {
    const apart = apartOf(here, place);
    if (apart === undefined || apart > 1) continue;
    if (nearest === undefined || apart < nearest.apart) nearest = { name, apart, alone: true };
    else if (apart === nearest.apart) nearest.alone &&= name === nearest.name;
  }
  return nearest?.alone ? nearest.name : undefined;
}

function* presetsOf(xml: string): Generator<{ name: string; place: Place }> {
  let inside: Tag[] | undefined;
  let token = '';
  let count = 0;
  for (const tag of tagsOf(xml)) {
    if (tag.name !== 'Preset') inside?.push(tag);
    else if (tag.kind === 'open') {
      inside = [];
      token = attributeOf(tag, 'token') ?? '';
    } else if (inside !== undefined) {
      if (++count > maxPresets) return;
      const place = placeOf(inside);
      const said = inside.find(({ name, kind }) => name === 'Name' && kind === 'open')?.text ?? '';
      const name = ((textOf(`<Name>${said}</Name>`, 'Name') ?? '') || token).slice(0, maxChars);
      if (place !== undefined && name !== '') yield { name, place };
      inside = undefined;
    }
  }
}

/** The first PanTilt with both its figures, and the zoom beside it. */
function placeOf(tags: Iterable<Tag>): Place | undefined {
  let found: Place | undefined;
  for (const tag of tags) {
    if (tag.name === 'PanTilt' && found === undefined) {
      const [pan, tilt] = [numberOf(tag, 'x'), numberOf(tag, 'y')];
      if (pan !== undefined && tilt !== undefined)
        found = { position: { pan, tilt }, space: attributeOf(tag, 'space') ?? '' };
    } else if (tag.name === 'Zoom' && found !== undefined && found.position.zoom === undefined) {
      const zoom = numberOf(tag, 'x');
      if (zoom !== undefined) found.position.zoom = zoom;
    }
  }
  return found;
}

/** A decimal as XML Schema writes it, with an exponent or without. */
function numberOf(tag: Tag, name: string): number | undefined {
  const text = attributeOf(tag, name, 40)?.trim() ?? '';
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/.test(text) && Number.isFinite(Number(text))
    ? Number(text)
    : undefined;
}

/** How far apart, 1 being as far as counts for the same; undefined for places that cannot be compared. */
function apartOf(one: Place, other: Place): number | undefined {
  if (one.space !== '' && other.space !== '' && one.space !== other.space) return undefined;
  const degrees = /Degrees/i.test(one.space || other.space);
  const angle = degrees ? degreesTolerance : genericTolerance;
  const zooms =
    one.position.zoom === undefined || other.position.zoom === undefined
      ? 0
      : Math.abs(one.position.zoom - other.position.zoom) / zoomTolerance;
  return Math.hypot(
    (one.position.pan - other.position.pan) / angle,
    (one.position.tilt - other.position.tilt) / angle,
    zooms,
  );
}
