import { z } from 'zod';
import { type Interval, type Piece, piecesOf, sumOf, weekMs } from '#agent/view/strip.ts';
import { Failure } from '#protocol/failure.ts';
import { cameraId, nodeId } from '#protocol/ids.ts';
import type { Fleet, NodeSight } from '../fleet/fleet.ts';
import type { Settings } from '../settings.ts';
import type { Coverage } from './coverage.ts';
import { wayOf } from './fleet-view.ts';

/** What an extraction of a window would bring, as far as the town hall knows. UTC milliseconds, bits per second. */
export interface Prospect extends Interval {
  node: string;
  camera: string;
  nowUtc: number;
  /** The seven days up to now, and what is recorded of them. */
  week: Interval;
  pieces: Piece[];
  /** The same of the window, as far as it lies within the week. */
  within: Piece[];
  /** What of the window is older than the week, and what is still to come. */
  goneMs: number;
  comingMs: number;
  /** Undefined while the camera's rate is not known. */
  bytes?: number;
  /** What the upload has at most. */
  linkBits: number;
  takesMs?: number;
}

export interface ProspectSource {
  settings: Settings;
  fleet: Pick<Fleet, 'nodes'>;
  coverage: Coverage;
  utc(): number;
}

/** A box uploads at 4 Mbit/s unless its configuration says otherwise; a radio link may have less. */
const usualUploadBits = 4_000_000;
/** Whole segments leave: half a minute more at either end, on average. */
const edgesMs = 60_000;

/** Undefined for a node that the town does not have. */
export async function prospectOf(
  source: ProspectSource,
  wanted: Interval & { node: string; camera: string },
): Promise<Prospect | undefined> {
  const { settings, coverage } = source;
  const { node, camera, from, to } = wanted;
  const nowUtc = source.utc();
  const sights = source.fleet.nodes();
  const sight = sights.find(({ id }) => id === node);
  if (sight === undefined) return undefined;
  await coverage.update(node, nowUtc);
  const week = { from: nowUtc - weekMs, to: nowUtc };
  const rows = coverage.rows(sight, camera, week);
  const chosen = { from: Math.max(from, week.from), to: Math.min(to, week.to) };
  const within = chosen.from < chosen.to ? piecesOf(chosen, rows) : [];
  const { recordedMs } = sumOf(within);
  const bitRate = sight.health?.cameras?.find(({ id }) => id === camera)?.bitrate ?? 0;
  const linkBits = slowest(node, settings, sights);
  const bytes =
    bitRate > 0 ? Math.round((bitRate / 8000) * (recordedMs > 0 ? recordedMs + edgesMs : 0)) : undefined;
  return {
    node,
    camera,
    from,
    to,
    nowUtc,
    week,
    pieces: piecesOf(week, rows),
    within,
    goneMs: Math.max(0, Math.min(to, week.from) - from),
    comingMs: Math.max(0, to - Math.max(from, nowUtc)),
    linkBits,
    ...(bytes === undefined ? {} : { bytes, takesMs: (bytes * 8000) / linkBits }),
  };
}

/** What `GET /window?node=&camera=&from=&to=` asks; times are UTC milliseconds. Throws `usage` `malformed`. */
export function askedWindow(ask: URLSearchParams): Interval & { node: string; camera: string } {
  const parsed = asked.safeParse(Object.fromEntries(ask));
  if (parsed.success) return parsed.data;
  throw new Failure('usage', 'malformed', 'a window is node, camera, from and to');
}

const utcMs = z.coerce.number().int().positive();
const asked = z
  .strictObject({ node: nodeId, camera: cameraId, from: utcMs, to: utcMs })
  .refine(({ from, to }) => from < to);

/** The narrowest of the links to the town hall that somebody measured, at most what a box uploads at. */
function slowest(node: string, settings: Settings, sights: readonly NodeSight[]): number {
  const measured = wayOf(node, settings).flatMap((id) => {
    const uplink = settings.nodes.find((place) => place.id === id)?.uplink;
    const links = sights.find((sight) => sight.id === id)?.health?.links ?? [];
    return links.flatMap(({ to, capacityMbit }) =>
      to === uplink && capacityMbit !== undefined && capacityMbit > 0 ? capacityMbit * 1e6 : [],
    );
  });
  return Math.min(usualUploadBits, ...measured);
}
