import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Files, systemFiles } from '#agent/platform/files.ts';
import { sha256 } from '#protocol/envelope.ts';
import { leafHash, merkleRoot } from '#protocol/merkle.ts';
import { openMirror } from '../../deploy/hub/logs/mirror.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the copy of a log', { timeoutMs: 60_000 });

function logOf(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const prev = lines.length === 0 ? '' : sha256(lines.at(-1) as string);
    const at = '2026-01-15T12:00:00.000Z';
    lines.push(JSON.stringify({ seq: lines.length + 1, at, prev, kind: 'test', word }));
  }
  return lines;
}

const words = fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 12 });

test('however lines arrive, repeated or too early, the copy is the log, and its roots are the tree’s', () =>
  fc.assert(
    fc.asyncProperty(words, fc.array(fc.nat(), { maxLength: 40 }), async (list, order) => {
      using folder = temporaryFolder();
      const lines = logOf(list);
      const mirror = await openMirror(systemFiles, folder.path, 'site-01');
      for (const pick of [...order.map((nth) => nth % lines.length), ...lines.keys()]) {
        const before = mirror.size();
        const got = await mirror.receive(Buffer.from(lines[pick] as string));
        assert.is(got, pick < before ? 'repeated' : pick === before ? 'added' : 'ahead');
      }
      assert.is(
        readFileSync(join(folder.path, 'site-01.jsonl'), 'utf8'),
        lines.map((line) => `${line}\n`).join(''),
      );
      for (const [size] of [...lines.entries(), [lines.length]])
        assert.ok(
          (await mirror.root(size as number))?.equals(
            merkleRoot(lines.slice(0, size as number).map(leafHash)),
          ),
        );
      assert.is(await mirror.root(lines.length + 1), undefined);
    }),
    { numRuns: 40 },
  ));

test('a power cut at any byte leaves whole lines, and the log goes on behind them', async () => {
  const lines = logOf(['a', 'bè', 'c\n', 'd']);
  const whole = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  for (let cut = 0; cut <= whole.length; cut++) {
    using folder = temporaryFolder();
    const file = join(folder.path, 'site-01.jsonl');
    writeFileSync(file, whole.subarray(0, cut));
    const mirror = await openMirror(systemFiles, folder.path, 'site-01');
    const kept = whole.subarray(0, cut).toString('latin1').split('\n').length - 1;
    assert.is(mirror.size(), kept, `cut at ${cut}`);
    for (const line of lines.slice(kept)) assert.is(await mirror.receive(Buffer.from(line)), 'added');
    assert.ok(readFileSync(file).equals(whole));
  }
});

test('a copy that was changed on the disk is not opened', async () => {
  const lines = logOf(['a', 'b', 'c']);
  const changes: string[][] = [
    [lines[0] as string, lines[2] as string],
    [lines[1] as string],
    [lines[0] as string, (lines[1] as string).replace('"b"', '"x"'), lines[2] as string],
    [lines[0] as string, 'nonsense'],
    [lines[0] as string, lines[0] as string],
  ];
  for (const changed of changes) {
    using folder = temporaryFolder();
    mkdirSync(folder.path, { recursive: true });
    writeFileSync(join(folder.path, 'site-01.jsonl'), changed.map((line) => `${line}\n`).join(''));
    assert.is(await codeThrown(() => openMirror(systemFiles, folder.path, 'site-01')), 'mirror-broken');
  }
});

test('what is no line is none: not JSON, two lines, too long, without its fields', async () => {
  using folder = temporaryFolder();
  const mirror = await openMirror(systemFiles, folder.path, 'site-01');
  const [line] = logOf(['a']) as [string];
  const long = JSON.stringify({ ...JSON.parse(line), word: 'x'.repeat(70_000) });
  for (const text of [
    '',
    'x',
    `${line}\n`,
    `${line}\n${line}`,
    long,
    '{}',
    line.replace('"seq":1', '"seq":0'),
  ])
    assert.is(await codeThrown(() => mirror.receive(Buffer.from(text))), 'log-line', text.slice(0, 40));
  assert.is(await codeThrown(() => mirror.receive(Buffer.from([0x22, 0xff, 0x22]))), 'log-line');
  assert.is(mirror.size(), 0);
});

test('a copy that is opened at a mark is the one that was read from its beginning', () =>
  fc.assert(
    fc.asyncProperty(words, fc.nat(), fc.nat(), async (list, nth, torn) => {
      using folder = temporaryFolder();
      const lines = logOf(list);
      const at = nth % (lines.length + 1);
      const first = await openMirror(systemFiles, folder.path, 'site-01');
      for (const line of lines.slice(0, at)) await first.receive(Buffer.from(line));
      const mark = first.mark();
      for (const line of lines.slice(at)) await first.receive(Buffer.from(line));
      const file = join(folder.path, 'site-01.jsonl');
      const whole = readFileSync(file);
      writeFileSync(file, whole.subarray(0, whole.length - (torn % (whole.length - mark.bytes + 1))));
      const again = await openMirror(systemFiles, folder.path, 'site-01', mark);
      for (const line of lines.slice(again.size()))
        assert.is(await again.receive(Buffer.from(line)), 'added');
      assert.ok(readFileSync(file).equals(whole));
      for (const [index, line] of lines.entries()) {
        assert.is(await again.receive(Buffer.from(line)), 'repeated');
        assert.is(await again.line(index + 1), line);
        assert.ok((await again.root(index + 1))?.equals((await first.root(index + 1)) as Buffer));
      }
      assert.equal(again.mark(), first.mark());
    }),
    { numRuns: 40 },
  ));

test('a copy shorter than its mark, or that goes on otherwise, is not opened', async () => {
  using folder = temporaryFolder();
  const lines = logOf(['a', 'b', 'c']);
  const mirror = await openMirror(systemFiles, folder.path, 'site-01');
  for (const line of lines.slice(0, 2)) await mirror.receive(Buffer.from(line));
  const mark = mirror.mark();
  const file = join(folder.path, 'site-01.jsonl');
  const whole = readFileSync(file);
  const opened = (change: Partial<typeof mark> = {}) =>
    codeThrown(() => openMirror(systemFiles, folder.path, 'site-01', { ...mark, ...change }));
  writeFileSync(file, whole.subarray(0, -1));
  assert.is(await opened(), 'mirror-broken');
  writeFileSync(file, `${whole}${lines[2]?.replace(/"prev":"./, '"prev":"_')}\n`);
  assert.is(await opened(), 'mirror-broken');
  writeFileSync(file, whole);
  assert.is(await opened({ subtrees: [] }), 'mirror-broken');
  assert.is(await opened(), undefined);
});

test('a disk that takes part of a line, or does not sync it, leaves nothing that the next one would stand behind', async () => {
  const lines = logOf(['a', 'bè', 'c', 'd']);
  for (const taken of [0, 1, 40, Number.POSITIVE_INFINITY]) {
    using folder = temporaryFolder();
    let room = true;
    const full = (): never => {
      throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
    };
    const files: Files = {
      ...systemFiles,
      async open(path, how) {
        const file = await systemFiles.open(path, how);
        return {
          ...file,
          async write(bytes) {
            if (room) return await file.write(bytes);
            await file.write(bytes.slice(0, Math.min(taken, bytes.length)));
            if (taken < bytes.length) full();
          },
          sync: () => (room ? file.sync() : full()),
        };
      },
    };
    const mirror = await openMirror(files, folder.path, 'site-01');
    for (const line of lines) {
      room = false;
      assert.is(await codeThrown(() => mirror.receive(Buffer.from(line))), 'ENOSPC');
      room = true;
      assert.is(await mirror.receive(Buffer.from(line)), 'added');
    }
    const whole = lines.map((line) => `${line}\n`).join('');
    assert.is(readFileSync(join(folder.path, 'site-01.jsonl'), 'utf8'), whole);
    const again = await openMirror(systemFiles, folder.path, 'site-01');
    assert.is(again.size(), lines.length);
  }
});
