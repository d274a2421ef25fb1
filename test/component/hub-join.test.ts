import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { codeOf } from '#protocol/failure.ts';
import { type ClearSegment, type JoinedFile, joinSegments } from '../../deploy/hub/viewing/join.ts';
import { parseFragmentedMp4 } from '../support/fragmented-mp4.ts';
import { cutClip } from '../support/hub-segments.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('joining recordings', { timeoutMs: 180_000 });

const start = Date.UTC(2026, 0, 15, 10);
const always = { from: 0, to: Number.MAX_SAFE_INTEGER };
let pieces: { clear: Buffer; durationMs: number }[] = [];

test.before(() => {
  using folder = temporaryFolder();
  pieces = cutClip(join(folder.path, 'cut'), 2);
  assert.ok(pieces.length >= 3, 'the fixture gives several segments');
});

/** One after the other from `start`; `pauses` are put before the segment of that index. */
function segments(list = pieces, pauses: Record<number, number> = {}, pieceBytes = 4096): ClearSegment[] {
  let at = start;
  return list.map(({ clear, durationMs }, index) => {
    at += pauses[index] ?? 0;
    const begin = at;
    at += durationMs;
    return {
      start: begin,
      async *chunks() {
        for (let from = 0; from < clear.length; from += pieceBytes)
          yield clear.subarray(from, from + pieceBytes);
      },
    };
  });
}

async function joined(
  list: ClearSegment[],
  window = always,
): Promise<{ files: JoinedFile[]; bytes: Buffer[] }> {
  const bytes: Buffer[] = [];
  const files = await joinSegments(list, window, async () => {
    const parts: Buffer[] = [];
    const index = bytes.push(Buffer.alloc(0)) - 1;
    let patch: { at: number; bytes: Buffer } | undefined;
    return {
      async append(part) {
        parts.push(Buffer.from(part));
      },
      async overwrite(part, position) {
        patch = { at: position, bytes: Buffer.from(part) };
      },
      async close() {
        bytes[index] = Buffer.concat(parts);
        if (patch) patch.bytes.copy(bytes[index], patch.at);
      },
    };
  });
  return { files, bytes };
}

function pictures(file: Buffer): string[] {
  return parseFragmentedMp4(file).fragments.flatMap(({ samples }) =>
    samples.map(({ bytes }) => createHash('sha256').update(bytes).digest('hex')),
  );
}

test('every picture is there, in order, unchanged, and time runs without a hole', async () => {
  const { files, bytes } = await joined(segments());
  const film = parseFragmentedMp4(bytes[0] as Buffer);
  assert.equal(
    pictures(bytes[0] as Buffer),
    pieces.flatMap(({ clear }) => pictures(clear)),
  );
  let expected = 0;
  for (const { decodeTime, samples } of film.fragments) {
    assert.is(decodeTime, expected);
    for (const { duration } of samples) expected += duration;
  }
  const totalMs = pieces.reduce((sum, { durationMs }) => sum + durationMs, 0);
  assert.is(files.length, 1);
  assert.ok(Math.abs((files[0]?.durationMs ?? 0) - totalMs) <= pieces.length);
  assert.is(files[0]?.stretches.length, 1);
  assert.ok(Math.abs((files[0]?.stretches[0]?.end ?? 0) - start - totalMs) <= pieces.length);
});

test('fragments are numbered from 1 and the whole length stands at the front', async () => {
  const { files, bytes } = await joined(segments());
  const file = bytes[0] as Buffer;
  const numbers: number[] = [];
  for (let at = file.indexOf('mfhd'); at >= 0; at = file.indexOf('mfhd', at + 4))
    numbers.push(file.readUInt32BE(at + 8));
  assert.equal(
    numbers,
    Array.from(numbers, (_, index) => index + 1),
  );
  const mehd = file.indexOf('mehd');
  const mvhd = file.indexOf('mvhd');
  const lengthMs = (Number(file.readBigUInt64BE(mehd + 8)) * 1000) / file.readUInt32BE(mvhd + 16);
  assert.ok(Math.abs(lengthMs - (files[0]?.durationMs ?? 0)) <= 1);
});

test('how the bytes come in pieces makes no difference', async () => {
  const one = pieces.slice(0, 1);
  const whole = (await joined(segments(one, {}, 1 << 24))).bytes[0] as Buffer;
  for (const size of [1, 7, 4096, 65_536])
    assert.ok((await joined(segments(one, {}, size))).bytes[0]?.equals(whole), `${size} bytes`);
});

test('a window takes whole GOPs, the nearest keyframes outwards, and nothing beyond', async () => {
  const [first, second] = pieces as [(typeof pieces)[0], (typeof pieces)[0]];
  const from = start + first.durationMs + 10;
  const window = { from, to: from + 20 };
  const { files, bytes } = await joined(segments(), window);
  const stretch = files[0]?.stretches[0];
  assert.ok(stretch && stretch.start <= window.from && stretch.end >= window.to);
  assert.ok((stretch?.start ?? 0) >= start + first.durationMs - 1);
  assert.ok((stretch?.end ?? 0) <= start + first.durationMs + second.durationMs + 1);
  const all = (await joined(segments())).bytes[0] as Buffer;
  assert.ok((bytes[0]?.length ?? 0) < all.length / 2);
  assert.is(parseFragmentedMp4(bytes[0] as Buffer).fragments[0]?.decodeTime, 0);
});

test('the end of the window is not part of it', async () => {
  const edge = start + (pieces[0]?.durationMs ?? 0);
  const { bytes } = await joined(segments(), { from: start, to: edge });
  assert.equal(pictures(bytes[0] as Buffer), pictures(pieces[0]?.clear as Buffer));
});

test('a window without a picture gives no file', async () => {
  assert.equal((await joined(segments(), { from: start - 2000, to: start - 1000 })).files, []);
});

test('a gap is left out of the film and told', async () => {
  const gapMs = 3_600_000;
  const { files, bytes } = await joined(segments(pieces, { 1: gapMs }));
  const [before, after] = files[0]?.stretches ?? [];
  assert.is(files[0]?.stretches.length, 2);
  assert.is(after?.start, (pieces[0]?.durationMs ?? 0) + start + gapMs);
  assert.ok(Math.abs((after?.atMs ?? 0) - ((before?.end ?? 0) - (before?.start ?? 0))) <= 1);
  assert.is(pictures(bytes[0] as Buffer).length, pieces.flatMap(({ clear }) => pictures(clear)).length);
});

test('a camera whose clock runs slow or fast: what is shown is never half a second from its label', async () => {
  for (const driftMs of [120, -120]) {
    const pauses = Object.fromEntries(pieces.map((_, index) => [index, index === 0 ? 0 : driftMs]));
    const list = segments(pieces, pauses);
    const { files } = await joined(list);
    const { stretches } = files[0] as JoinedFile;
    let filmMs = 0;
    for (const [index, { start: label }] of list.entries()) {
      const atMs = filmMs + 1;
      const stretch = stretches.findLast((one) => one.atMs <= atMs);
      const shown = (stretch?.start ?? 0) + filmMs - (stretch?.atMs ?? 0);
      assert.ok(
        Math.abs(shown - label) < 510,
        `segment ${index}, ${driftMs} ms each: ${shown - label} ms off`,
      );
      filmMs += pieces[index]?.durationMs ?? 0;
    }
    assert.ok(pieces.length * Math.abs(driftMs) > 1000, 'enough of them for it to be seen');
    assert.ok(stretches.length > 1 && stretches.length < pieces.length, `${stretches.length} stretches`);
  }
});

test('a torn file gives the fragments it finished', async () => {
  const whole = pieces[0]?.clear as Buffer;
  const { bytes } = await joined(
    segments([
      { clear: whole.subarray(0, whole.lastIndexOf('mdat') + 20), durationMs: 1 },
      ...pieces.slice(1),
    ]),
  );
  const kept = pictures(bytes[0] as Buffer);
  const rest = pieces.slice(1).flatMap(({ clear }) => pictures(clear));
  const begun = pictures(whole);
  assert.equal(kept.slice(-rest.length), rest);
  const some = kept.slice(0, -rest.length);
  assert.ok(some.length < begun.length);
  assert.equal(some, begun.slice(0, some.length));
});

test('other parameter sets begin another file', async () => {
  const other = Buffer.from(pieces[1]?.clear as Buffer);
  const avcC = other.indexOf('avcC');
  other[avcC + 6] = (other[avcC + 6] as number) ^ 1; // profile_compatibility
  const list = [pieces[0], { clear: other, durationMs: pieces[1]?.durationMs ?? 0 }, ...pieces.slice(2)];
  const { files, bytes } = await joined(segments(list as typeof pieces));
  assert.equal(
    files.map(({ name }) => name),
    ['viewing.mp4', 'viewing-2.mp4', 'viewing-3.mp4'],
  );
  for (const file of bytes) assert.is(parseFragmentedMp4(file).fragments[0]?.decodeTime, 0);
});

test('what is no recording is a failure with a name, not a crash', async () => {
  const whole = pieces[0]?.clear as Buffer;
  const moof = whole.indexOf('moof') - 4;
  const mdat = whole.indexOf('mdat') - 4;
  const broken: [string, Buffer][] = [
    [
      'a size below its header',
      Buffer.concat([whole.subarray(0, moof), Buffer.of(0, 0, 0, 3), whole.subarray(moof + 4)]),
    ],
    [
      'a box beyond memory',
      Buffer.concat([whole.subarray(0, moof), Buffer.of(0x7f, 0, 0, 0), whole.subarray(moof + 4)]),
    ],
    ['an mdat without moof', Buffer.concat([whole.subarray(0, moof), whole.subarray(mdat)])],
    ['no moov', whole.subarray(moof)],
    ['two moovs', Buffer.concat([whole.subarray(0, moof), whole])],
  ];
  for (const [what, clear] of broken) {
    let code = 'joined';
    try {
      await joined(segments([{ clear, durationMs: 1000 }]));
    } catch (error) {
      code = codeOf(error);
    }
    assert.is(code, 'mp4-malformed', what);
  }
});

test('bytes changed anywhere end in a film or a named failure', async () => {
  const whole = pieces[0]?.clear as Buffer;
  const mdat = whole.indexOf('mdat');
  for (let at = 0; at < mdat; at += 3) {
    const clear = Buffer.from(whole);
    clear[at] = (clear[at] as number) ^ 0xff;
    try {
      await joined(segments([{ clear, durationMs: 1000 }], {}, 1 << 20));
    } catch (error) {
      assert.is(codeOf(error), 'mp4-malformed', `byte ${at}`);
    }
  }
});
