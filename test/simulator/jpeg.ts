/** What RFC 2435 says of a frame once, and its entropy-coded data. */
interface JpegFrame {
  /** §4.1: 0 is 4:2:2, 1 is 4:2:0; 64 more with restart markers. */
  type: number;
  width: number;
  height: number;
  tables: Buffer;
  restart: Buffer;
  scan: Buffer;
}

/** The scan of a JPEG, from behind SOS to before EOI. */
export function scanOf(jpeg: Buffer): Buffer {
  return parseJpeg(jpeg).scan;
}

/** A baseline JPEG with the usual Huffman tables, which RFC 2435 does not carry. Throws on what it cannot send. */
function parseJpeg(jpeg: Buffer): JpegFrame {
  const tables: Buffer[] = [];
  let frame: Pick<JpegFrame, 'type' | 'width' | 'height'> | undefined;
  let restart: Buffer = Buffer.alloc(0);
  for (let at = 2; at + 4 <= jpeg.length; ) {
    const marker = jpeg.readUInt16BE(at);
    const length = jpeg.readUInt16BE(at + 2);
    const body = jpeg.subarray(at + 4, at + 2 + length);
    if (marker === 0xffdb)
      for (let table = 0; table < body.length; table += 65) {
        if ((body[table] as number) >> 4 !== 0) throw new Error('a quantisation table of 16 bits');
        tables.push(body.subarray(table + 1, table + 65));
      }
    if (marker === 0xffc0) {
      const sampling = body[7] as number;
      if (sampling !== 0x21 && sampling !== 0x22) throw new Error(`sampling ${sampling}`);
      frame = {
        type: sampling === 0x21 ? 0 : 1,
        height: body.readUInt16BE(1),
        width: body.readUInt16BE(3),
      };
    }
    if (marker === 0xffdd) restart = Buffer.from(body.subarray(0, 2));
    at += 2 + length;
    if (marker !== 0xffda) continue;
    const end = jpeg.lastIndexOf(Buffer.from([0xff, 0xd9]));
    if (!frame || tables.length !== 2 || end < at) throw new Error('a JPEG that RFC 2435 cannot carry');
    const interval = restart.length === 0 ? restart : Buffer.concat([restart, Buffer.from([0xff, 0xff])]);
    return {
      ...frame,
      type: frame.type + (restart.length === 0 ? 0 : 64),
      tables: Buffer.concat(tables),
      restart: interval,
      scan: jpeg.subarray(at, end),
    };
  }
  throw new Error('a JPEG without a scan');
}

/** RTP payloads of a frame, each at most `room` bytes (RFC 2435 §3.1), the tables in the first. */
export function jpegPayloads(jpeg: Buffer, room: number): Buffer[][] {
  const { type, width, height, tables, restart, scan } = parseJpeg(jpeg);
  const payloads: Buffer[][] = [];
  for (let at = 0; at < scan.length; ) {
    const header = Buffer.from([0, at >> 16, (at >> 8) & 0xff, at & 0xff, type, 255, width / 8, height / 8]);
    const head = [header, restart];
    if (at === 0) head.push(Buffer.from([0, 0, tables.length >> 8, tables.length & 0xff]), tables);
    const size = room - head.reduce((sum, part) => sum + part.length, 0);
    payloads.push([...head, scan.subarray(at, at + size)]);
    at += size;
  }
  return payloads;
}
