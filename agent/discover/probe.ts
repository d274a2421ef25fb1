import { tagsOf } from '../health/xml-tags.ts';

/** A camera that answered, as it describes itself; nothing of it is believed but where the answer came from. */
export interface Found {
  /** Where the answer came from. */
  address: string;
  /** Its device service, on that address. */
  onvif: string;
  name?: string;
  hardware?: string;
  location?: string;
}

export const discoveryGroup = '239.255.255.250';
export const discoveryPort = 3702;
/** A scope list of a camera takes 1 kB. */
const maxAnswerBytes = 16 * 1024;
const maxChars = 80;

/** A Probe for whatever sends video (WS-Discovery 2005/04 §5.2, ONVIF Core §7.3). `id` is a UUID. */
export function probeMessage(id: string): Buffer {
  return Buffer.from(
    '<?xml version="1.0" encoding="UTF-8"?>' +
      '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"' +
      ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">' +
      `<s:Header><a:MessageID>urn:uuid:${id}</a:MessageID>` +
      '<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>' +
      '<a:Action s:mustUnderstand="1">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></s:Header>' +
      '<s:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>',
  );
}

/** Reads an answer to the probe `id` that came from `address`; undefined for anything else. */
export function foundIn(bytes: Buffer, id: string, address: string): Found | undefined {
  if (bytes.length > maxAnswerBytes) return undefined;
  let relates = '';
  let services = '';
  let scopes = '';
  let matches = false;
  for (const tag of tagsOf(bytes.toString('utf8'))) {
    if (tag.kind === 'close') continue;
    if (tag.name === 'RelatesTo') relates = tag.text.trim();
    if (tag.name === 'ProbeMatch') matches = true;
    // Of several matches in one answer the first is the device itself.
    if (tag.name === 'XAddrs' && services === '') services = tag.text;
    if (tag.name === 'Scopes' && scopes === '') scopes = tag.text;
  }
  if (!matches || !relates.toLowerCase().endsWith(id.toLowerCase())) return undefined;
  const onvif = serviceOf(services, address);
  if (onvif === undefined) return undefined;
  const [name, hardware, location] = ['name', 'hardware', 'location'].map((what) => scopeOf(scopes, what));
  return {
    address,
    onvif,
    ...(name === undefined ? {} : { name }),
    ...(hardware === undefined ? {} : { hardware }),
    ...(location === undefined ? {} : { location }),
  };
}

/** On the address that answered, whatever it says: what points elsewhere would have others asked with our password. */
function serviceOf(services: string, address: string): string | undefined {
  for (const text of services.trim().split(/\s+/).slice(0, 16)) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || text.length > 500 || !/^https?:$/.test(url.protocol)) continue;
    if (url.username !== '' || url.password !== '') continue;
    url.hostname = address;
    return url.href;
  }
  return undefined;
}

/** `onvif://www.onvif.org/name/Piazza%20nord` (ONVIF Core §7.3.2.2). */
function scopeOf(scopes: string, what: string): string | undefined {
  const scope = scopes.split(/\s+/).find((each) => each.startsWith(`onvif://www.onvif.org/${what}/`));
  const text = scope?.slice(`onvif://www.onvif.org/${what}/`.length);
  if (text === undefined || text === '') return undefined;
  let plain = text;
  try {
    plain = decodeURIComponent(text);
  } catch {
    // Not escaped as it should be: as it stands.
  }
  return plain
    .replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, ' ')
    .trim()
    .slice(0, maxChars);
}
