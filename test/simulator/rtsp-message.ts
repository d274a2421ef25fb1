/** One RTSP request (RFC 2326 §6). Header names are lower case. */
export interface RtspRequest {
  method: string;
  uri: string;
  headers: Record<string, string>;
  body: Buffer;
}

export interface RtspReader {
  /** Takes what came; calls back for each request and interleaved packet. Throws on what is neither. */
  push(chunk: Buffer): void;
}

/** A client that needs more is no client. */
const maxHeadBytes = 16 * 1024;
const maxBodyBytes = 64 * 1024;

export function rtspReader(
  onRequest: (request: RtspRequest) => void,
  onInterleaved: (channel: number, packet: Buffer) => void,
): RtspReader {
  let pending: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      for (;;) {
        if (pending[0] === 0x24) {
          if (pending.length < 4) return;
          const end = 4 + pending.readUInt16BE(2);
          if (pending.length < end) return;
          onInterleaved(pending[1] as number, pending.subarray(4, end));
          pending = pending.subarray(end);
          continue;
        }
        const headEnd = pending.indexOf('\r\n\r\n');
        if (headEnd < 0) {
          if (pending.length > maxHeadBytes) throw new Error('a request head without end');
          return;
        }
        const request = parseHead(pending.toString('latin1', 0, headEnd));
        const bodyBytes = Number(request.headers['content-length'] ?? 0);
        if (!Number.isSafeInteger(bodyBytes) || bodyBytes < 0 || bodyBytes > maxBodyBytes)
          throw new Error(`a body of ${request.headers['content-length']} bytes`);
        const end = headEnd + 4 + bodyBytes;
        if (pending.length < end) return;
        const body = pending.subarray(headEnd + 4, end);
        pending = pending.subarray(end);
        onRequest({ ...request, body });
      }
    },
  };
}

function parseHead(head: string): Omit<RtspRequest, 'body'> {
  const [first = '', ...lines] = head.replace(/^(?:\r\n)+/, '').split('\r\n');
  const match = /^([A-Z_]+) (\S+) RTSP\/1\.0$/.exec(first);
  if (!match) throw new Error('no RTSP request line');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { method: match[1] as string, uri: match[2] as string, headers };
}
