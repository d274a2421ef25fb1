import { Failure } from '#protocol/failure.ts';

/** Header fields in the order they came; names compare without case, and may repeat (two challenges in a 401). */
export class Headers {
  #fields: [name: string, value: string][] = [];

  add(name: string, value: string): void {
    this.#fields.push([name.toLowerCase(), value]);
  }

  get(name: string): string | undefined {
    return this.all(name)[0];
  }

  all(name: string): string[] {
    return this.#fields.filter(([field]) => field === name).map(([, value]) => value);
  }
}

/** What a server sends between interleaved packets: answers, and now and then a request of its own. */
export type RtspMessage =
  | { kind: 'response'; status: number; reason: string; headers: Headers; body: Buffer }
  | { kind: 'request'; method: string; headers: Headers };

/** Real heads have under 1 KiB, with a handful of challenges under 3. */
export const maxHeadBytes = 16 * 1024;
/** An SDP of a camera has 0.3 to 2 KiB. */
export const maxBodyBytes = 64 * 1024;
const maxFields = 100;

/** Parses start line and header fields, line ends included (RFC 2326 §6, §7); LF alone passes. */
export function parseHead(bytes: Buffer): { message: RtspMessage; bodyBytes: number } {
  const [start = '', ...lines] = bytes.toString('latin1').split(/\r?\n/);
  const headers = new Headers();
  let name = '';
  let value = '';
  let fields = 0;
  const keep = (): void => {
    if (name !== '') headers.add(name, value);
    name = '';
  };
  for (const line of lines) {
    if (line === '') continue;
    if (line.startsWith(' ') || line.startsWith('\t')) {
      value += ` ${line.trim()}`; // A folded line goes on with the field before it.
      continue;
    }
    keep();
    const colon = line.indexOf(':');
    if (colon < 1 || ++fields > maxFields) throw broken('a header is malformed');
    name = line.slice(0, colon).trim();
    value = line.slice(colon + 1).trim();
  }
  keep();
  const stated = headers.get('content-length') ?? '0';
  const bodyBytes = /^\d{1,9}$/.test(stated) ? Number(stated) : Number.NaN;
  if (!(bodyBytes <= maxBodyBytes)) throw broken('a body is longer than any answer of a camera');
  const response = /^RTSP\/\d\.\d (\d{3})(?: (.*))?$/.exec(start);
  if (response) {
    const reason = (response[2] ?? '').replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 80);
    return {
      message: { kind: 'response', status: Number(response[1]), reason, headers, body: Buffer.alloc(0) },
      bodyBytes,
    };
  }
  const request = /^([A-Z_]{3,20}) \S+ RTSP\/\d\.\d$/.exec(start);
  if (!request) throw broken('a start line is malformed');
  return { message: { kind: 'request', method: request[1]!, headers }, bodyBytes };
}

export function formatRequest(
  method: string,
  url: string,
  fields: readonly (readonly [string, string])[],
): string {
  return `${method} ${url} RTSP/1.0\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

export function broken(sentence: string): Failure {
  return new Failure('transient', 'stream-error', `the camera does not speak RTSP: ${sentence}`);
}
