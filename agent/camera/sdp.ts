/** One format of one medium of a session description (RFC 4566/8866). */
export interface Format {
  payloadType: number;
  /** As in the SDP or RFC 3551 table 4: `H264`, `PCMA`. */
  encoding: string;
  clockRate: number;
  /** Of a=fmtp, names in lower case. */
  parameters: Map<string, string>;
}

export interface Medium {
  /** `video`, `audio`, `application`. */
  kind: string;
  /** RTP/AVP in the clear: what can be set up. */
  plain: boolean;
  formats: Format[];
  control: string | undefined;
  /** Where it is sent without being asked: 0 where only SETUP says. */
  port: number;
  /** Of its own or the session's c= line: a multicast address, where there is one. */
  address: string | undefined;
}

export interface SessionDescription {
  control: string | undefined;
  media: Medium[];
}

/** A camera offers one to four media; an NVR's aggregate may offer some more. */
const maxMedia = 32;
const maxLines = 2000;
const maxFormats = 32;

/** RFC 3551 tables 4 and 5, of what cameras still use without a=rtpmap. */
const wellKnown = new Map([
  [0, 'PCMU'],
  [3, 'GSM'],
  [4, 'G723'],
  [8, 'PCMA'],
  [9, 'G722'],
  [10, 'L16'],
  [11, 'L16'],
  [14, 'MPA'],
  [18, 'G729'],
  [26, 'JPEG'],
  [31, 'H261'],
  [32, 'MPV'],
  [33, 'MP2T'],
  [34, 'H263'],
]);

/** Reads what matters of a description and passes over the rest; what is malformed is not there. */
export function parseSdp(body: Buffer): SessionDescription {
  const session: SessionDescription = { control: undefined, media: [] };
  let medium: Medium | undefined;
  let address: string | undefined;
  let beyond = false;
  for (const line of body.toString('utf8').split(/\r?\n/, maxLines)) {
    const m = /^m=([a-z]{1,16}) (\d{1,5})(?:\/\d+)? (\S{1,32})((?: \S{1,32})*)\s*$/i.exec(line);
    if (m) {
      beyond = session.media.length >= maxMedia;
      const protocol = m[3]!.toUpperCase();
      medium = {
        kind: m[1]!.toLowerCase(),
        plain: /^RTP\/(AVP|AVPF)(\/TCP)?$/.test(protocol),
        formats: m[4]!
          .trim()
          .split(/\s+/, maxFormats)
          .filter((word) => /^\d{1,3}$/.test(word) && Number(word) < 128)
          .map(format),
        control: undefined,
        port: Number(m[2]),
        address,
      };
      if (!beyond) session.media.push(medium);
    } else if (line.startsWith('c=')) {
      const stated = /^c=IN IP[46] ([0-9a-f.:]{2,45})/i.exec(line)?.[1];
      if (medium) medium.address = stated ?? medium.address;
      else address = stated;
    } else if (line.startsWith('a=')) attribute(session, medium, line.slice(2).trim());
  }
  return session;
}

function format(word: string): Format {
  const payloadType = Number(word);
  return { payloadType, encoding: wellKnown.get(payloadType) ?? '', clockRate: 0, parameters: new Map() };
}

function attribute(session: SessionDescription, medium: Medium | undefined, text: string): void {
  const colon = text.indexOf(':');
  if (colon < 0) return;
  const value = text.slice(colon + 1).trim();
  const name = text.slice(0, colon).toLowerCase();
  if (name === 'control') {
    (medium ?? session).control ??= value.slice(0, 1024);
    return;
  }
  const [, word = '', rest = ''] = /^(\d{1,3})\s+(.*)$/.exec(value) ?? [];
  const target = medium?.formats.find(({ payloadType }) => payloadType === Number(word) && word !== '');
  if (!target) return;
  if (name === 'rtpmap') {
    const [, encoding, rate] = /^([\w.-]{1,64})\s*\/\s*(\d{1,9})/.exec(rest) ?? [];
    if (encoding !== undefined) target.encoding = encoding;
    target.clockRate = Number(rate ?? 0);
  } else if (name === 'fmtp')
    for (const part of rest.split(';')) {
      // Values hold `=` themselves: base64.
      const equals = part.indexOf('=');
      if (equals < 0) continue;
      const key = part.slice(0, equals).trim().toLowerCase();
      if (!target.parameters.has(key)) target.parameters.set(key, part.slice(equals + 1).trim());
    }
}

/** `kind/ENCODING` of every format: what a maintainer reads. */
export function offered(media: readonly Medium[]): string[] {
  return media.flatMap(({ kind, formats }) =>
    formats.map(({ encoding, payloadType }) => `${kind}/${encoding === '' ? payloadType : encoding}`),
  );
}
