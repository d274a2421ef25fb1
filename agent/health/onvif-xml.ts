import { attributeOf } from './xml-tags.ts';

/**
 * Reads values from the raw replies of an ONVIF device. The library rewrites them: "5.10" becomes 5.1, a long serial
 * number loses digits, a token "000" becomes 0.
 */

export interface OnvifProfile {
  token: string;
  /** The video source it shows: the channels of a recorder differ here. */
  source: string;
  encoding: string;
  width: number;
  height: number;
  ptz: boolean;
}

export interface OnvifInformation {
  manufacturer: string;
  model: string;
  firmware: string;
  serial: string;
}

const maxChars = 64;
const maxProfiles = 64;

/** The text of the first element of this name, whatever its prefix; undefined for one that is not there or has children. */
export function textOf(xml: string, name: string): string | undefined {
  const found = new RegExp(`<(?:[\\w.-]+:)?${name}(?:\\s[^<>]*)?>([^<]*)</`).exec(xml)?.[1];
  return found === undefined ? undefined : plain(found).trim();
}

export function informationOf(xml: string): OnvifInformation | undefined {
  const [manufacturer, model, firmware, serial] = [
    'Manufacturer',
    'Model',
    'FirmwareVersion',
    'SerialNumber',
  ].map((name) => textOf(xml, name)?.slice(0, maxChars));
  if (model === undefined && manufacturer === undefined) return undefined;
  return {
    manufacturer: manufacturer ?? '',
    model: model ?? '',
    firmware: firmware ?? '',
    serial: serial ?? '',
  };
}

/** The device's UTC in milliseconds, a whole second; undefined where it states local time alone, or none. */
export function timeOf(xml: string): number | undefined {
  const utc = innerOf(xml, 'UTCDateTime');
  if (utc === undefined) return undefined;
  const part = (name: string): number => Number(textOf(utc, name) ?? Number.NaN);
  const ms = Date.UTC(
    part('Year'),
    part('Month') - 1,
    part('Day'),
    part('Hour'),
    part('Minute'),
    part('Second'),
  );
  return Number.isFinite(ms) ? ms : undefined;
}

/** Of the Media and the Media2 service alike; profiles without a video encoder are left out. */
export function profilesOf(xml: string): OnvifProfile[] {
  const found: OnvifProfile[] = [];
  for (const { attributes, inside } of elementsOf(xml, 'Profiles')) {
    if (found.length >= maxProfiles) break;
    const token = attributeOf({ attributes }, 'token', maxChars);
    if (token === undefined || token === '') continue;
    const encoder = innerOf(inside, 'VideoEncoderConfiguration') ?? innerOf(inside, 'VideoEncoder');
    const width = Number(textOf(encoder ?? '', 'Width'));
    const height = Number(textOf(encoder ?? '', 'Height'));
    if (encoder === undefined || !(width > 0 && height > 0)) continue;
    found.push({
      token: plain(token),
      source: (textOf(inside, 'SourceToken') ?? '').slice(0, maxChars),
      encoding: (textOf(encoder, 'Encoding') ?? '').slice(0, 16),
      width,
      height,
      ptz: /<(?:[\w.-]+:)?(?:PTZConfiguration|PTZ)[\s>]/.test(inside),
    });
  }
  return found;
}

/** Where a stream is. */
export function uriOf(xml: string): string | undefined {
  const uri = textOf(xml, 'Uri');
  return uri !== undefined && uri.length <= 500 ? uri : undefined;
}

/** Whether a recording job is active (ONVIF Recording Control, GetRecordingJobs). */
export function recordsOf(xml: string): boolean {
  return [...xml.matchAll(/<(?:[\w.-]+:)?Mode>\s*(\w{1,32})\s*</g)].some(([, mode]) => mode === 'Active');
}

/** A fault that says that the user was refused (Core §5.8.2.2). */
export function isRefusal(xml: string): boolean {
  return /Not ?Authorized|Unauthorized|FailedAuthentication|authentication failed|could not be authenticated/i.test(
    xml,
  );
}

/** What stands between the first such tag and the next that ends one. */
function innerOf(xml: string, name: string): string | undefined {
  return elementsOf(xml, name).next().value?.inside;
}

/** Elements that do not stand in their like. A start without an end ends the search: every character is looked at once. */
function* elementsOf(xml: string, name: string): Generator<{ attributes: string; inside: string }> {
  const opening = new RegExp(`<(?:[\\w.-]+:)?${name}(\\s[^<>]*)?>`, 'g');
  const closing = new RegExp(`</(?:[\\w.-]+:)?${name}\\s*>`, 'g');
  for (let found = opening.exec(xml); found !== null; found = opening.exec(xml)) {
    const attributes = found[1] ?? '';
    if (attributes.endsWith('/')) continue;
    closing.lastIndex = opening.lastIndex;
    const end = closing.exec(xml);
    if (end === null) return;
    yield { attributes, inside: xml.slice(opening.lastIndex, end.index) };
    opening.lastIndex = closing.lastIndex;
  }
}

const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** With its entities read. */
export function plain(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w{2,4}));/g, (whole, decimal, hex, name) => {
    if (name) return named[name] ?? whole;
    const code = decimal ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : '';
  });
}
