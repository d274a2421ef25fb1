import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { systemClock } from '#agent/platform/clock.ts';
import { type Files, systemFiles } from '#agent/platform/files.ts';
import { ledgerText } from '#agent/store/ledger-line.ts';
import { repairStore } from '#agent/store/repair.ts';
import { openStore, type SegmentRow, verifyStore } from '#agent/store/store.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { sealSegment, storeParts } from '../support/store-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('store verify');
const t0 = Date.UTC(2026, 0, 15, 12);
const day = 'segments/cam-1/2026-01-15';

/** A good store of three segments, then `harm`, then what the check finds as `severity code`. */
async function found(harm: (dir: string, rows: SegmentRow[]) => void, full = true): Promise<string[]> {
  using folder = temporaryFolder();
  const store = await openStore(storeParts(folder.path, systemClock));
  const camera = await store.camera('cam-1');
  const rows: SegmentRow[] = [];
  for (let i = 0; i < 3; i++) rows.push(await sealSegment(camera, t0 + i * 10_000, 10_000, { run: t0 }));
  await camera.addGap({ start: t0 + 30_000, end: t0 + 31_000, reason: 'no-data' });
  await store.close();
  const good = await verifyStore(systemFiles, folder.path, { full: true, now: Date.now() });
  assert.equal(good.findings, []);
  assert.is(good.segments, 3);
  harm(folder.path, rows);
  const { findings } = await verifyStore(systemFiles, folder.path, { full, now: Date.now() });
  return findings.map(({ severity, code }) => `${severity} ${code}`).sort();
}

const ledger = (dir: string): string => join(dir, 'segments/cam-1/ledger.jsonl');
const file = (dir: string, row: SegmentRow | undefined): string => join(dir, day, row!.file);

test('one changed byte is found by its hash', async () => {
  const change = (dir: string, rows: SegmentRow[]): void => {
    const bytes = readFileSync(file(dir, rows[1]));
    bytes[500] = bytes[500]! ^ 1;
    writeFileSync(file(dir, rows[1]), bytes);
  };
  assert.equal(await found(change), ['problem segment-hash']);
  assert.equal(await found(change, false), []);
});

test('a shortened file, a removed one', async () => {
  assert.equal(await found((dir, rows) => truncateSync(file(dir, rows[0]), 600)), ['problem segment-size']);
  assert.equal(await found((dir, rows) => rmSync(file(dir, rows[0]))), ['problem segment-missing']);
});

test('a store that is recorded to while it is looked at: what was sealed or begun meanwhile is no fault', async () => {
  using folder = temporaryFolder();
  const store = await openStore(storeParts(folder.path, systemClock));
  const camera = await store.camera('cam-1');
  await sealSegment(camera, t0, 10_000, { run: t0 });
  const part = join(folder.path, day, '20260115T120010000Z.mp4.age.part');
  writeFileSync(part, '');
  let sealed = false;
  const moving: Files = {
    ...systemFiles,
    async open(path, how) {
      if (how === 'read' && !sealed) {
        // Between the listing and the ledger.
        sealed = true;
        rmSync(part);
        await sealSegment(camera, t0 + 10_000, 10_000, { run: t0 });
      }
      return await systemFiles.open(path, how);
    },
  };
  const { findings } = await verifyStore(moving, folder.path, { full: true, now: Date.now() });
  assert.equal(findings, []);
  assert.ok(sealed);
  await store.close();
});

test('a file under another name, in another day, or of nobody', async () => {
  assert.equal(
    await found((dir, rows) =>
      renameSync(file(dir, rows[0]), join(dir, day, '20260115T110000000Z-10000.mp4.age')),
    ),
    ['problem segment-missing', 'problem segment-unlisted'],
  );
  assert.equal(
    await found((dir, rows) => {
      mkdirSync(join(dir, 'segments/cam-1/2026-01-16'));
      renameSync(file(dir, rows[0]), join(dir, 'segments/cam-1/2026-01-16', rows[0]!.file));
    }),
    ['problem foreign-name', 'problem segment-missing'],
  );
  assert.equal(await found((dir) => writeFileSync(join(dir, day, 'notes.txt'), 'x')), [
    'problem foreign-name',
  ]);
  assert.equal(await found((dir) => mkdirSync(join(dir, 'segments/Camera 1'))), ['problem foreign-name']);
  assert.equal(await found((dir) => writeFileSync(join(dir, 'core.1234'), 'x')), ['notice foreign-name']);
});

test('pictures in the clear, wherever they lie and whatever they are called', async () => {
  const mp4 = Buffer.from('\0\0\0\x20ftypisom\0\0\x02\0isomiso2');
  const jpeg = Buffer.of(0xff, 0xd8, 0xff, 0xe0, 0, 16);
  const annexB = Buffer.of(0, 0, 0, 1, 0x67, 0x64, 0, 0x1f);
  for (const picture of [mp4, jpeg, annexB, Buffer.from('\0\0\x01\x09\xf0', 'latin1')]) {
    assert.equal(
      await found((dir) => writeFileSync(join(dir, day, '20260115T130000000Z.mp4.age.part'), picture)),
      ['problem plaintext'],
    );
    assert.ok(
      (
        await found((dir) => {
          mkdirSync(join(dir, 'holds'), { recursive: true });
          writeFileSync(join(dir, 'holds/reference.json'), picture);
        })
      ).includes('problem plaintext'),
    );
  }
});

test('whatever a power cut left under the name of an open segment the next start puts right', async () => {
  for (const left of ['', 'age-encr', '\0'.repeat(4096), 'what lay there before'])
    assert.equal(
      await found((dir) => writeFileSync(join(dir, day, '20260115T130000000Z.mp4.age.part'), left)),
      ['recoverable segment-open'],
      JSON.stringify(left.slice(0, 20)),
    );
});

test('a sealed name over something that is not sealed', async () => {
  const codes = await found((dir, rows) => writeFileSync(file(dir, rows[2]), 'age-encryption.org/v2\nx'));
  assert.ok(codes.includes('problem not-sealed'));
});

test('a ledger that was edited', async () => {
  const edit = (change: (lines: string[]) => void) => (dir: string) => {
    const lines = readFileSync(ledger(dir), 'utf8').split('\n');
    change(lines);
    writeFileSync(ledger(dir), lines.join('\n'));
  };
  assert.equal(
    await found(
      edit((lines) => {
        lines[1] = lines[1]!.replace('"segment"', '"Segment"');
      }),
    ),
    ['problem ledger-malformed', 'problem segment-unlisted'],
  );
  assert.equal(await found(edit((lines) => lines.splice(0, 1))), ['problem segment-unlisted']);
  assert.equal(
    await found(
      edit((lines) => {
        lines.splice(
          3,
          0,
          lines[1]!.replace(/(?<="sha256":")./, (digit) => (digit === '0' ? '1' : '0')),
        );
      }),
    ),
    ['problem ledger-contradicts', 'problem segment-hash'],
  );
  assert.equal(
    await found((dir, [row]) => {
      const start = t0 + 5000;
      const name = '20260115T120005000Z-10000.mp4.age';
      copyFileSync(file(dir, row), join(dir, day, name));
      appendFileSync(
        ledger(dir),
        ledgerText({ kind: 'segment', ...row!, start, end: start + 10_000, file: name }),
      );
    }),
    ['problem segment-overlap', 'problem segment-overlap'],
  );
});

test('what a crash leaves is no failure', async () => {
  assert.equal(await found((dir) => appendFileSync(ledger(dir), '{"kind":"seg')), [
    'recoverable ledger-torn',
  ]);
  assert.equal(
    await found((dir, rows) =>
      copyFileSync(file(dir, rows[0]), join(dir, day, '20260115T130000000Z.mp4.age.part')),
    ),
    ['recoverable segment-open'],
  );
  assert.equal(
    await found((dir, rows) =>
      linkSync(file(dir, rows[2]), join(dir, day, '20260115T120020000Z.mp4.age.part')),
    ),
    ['recoverable segment-open'],
  );
  assert.equal(
    await found((dir, rows) =>
      copyFileSync(file(dir, rows[0]), join(dir, day, '20260115T130000000Z-5.mp4.age')),
    ),
    ['recoverable segment-unlisted'],
  );
  assert.equal(await found((dir) => writeFileSync(join(dir, 'state.json.new'), '{"sha2')), []);
});

test('a state that lost both its copies is a problem, one that lost the newer is none', async () => {
  assert.equal(await found((dir) => writeFileSync(join(dir, 'state.json'), 'x')), []);
  assert.equal(
    await found((dir) => {
      for (const name of readdirSync(dir))
        if (name.startsWith('state.json')) writeFileSync(join(dir, name), 'x');
    }),
    ['problem state-damaged'],
  );
});

test('repair does what the next start would, says what, and nothing to a store in use', async () => {
  using folder = temporaryFolder();
  const dir = folder.path;
  const parts = { ...storeParts(dir, systemClock) };
  const store = await openStore(parts);
  const camera = await store.camera('cam-1');
  const rows: SegmentRow[] = [];
  for (let i = 0; i < 4; i++)
    rows.push(await sealSegment(camera, t0 + i * 10_000, 10_000, { run: t0, bytes: 200_000 }));
  assert.is(await codeThrown(() => repairStore(parts)), 'store-busy');
  await store.close();
  // The newest was being written, the one before it was named and not entered, a line is torn.
  renameSync(file(dir, rows[3]), file(dir, rows[3]).replace(/-\d+\.mp4\.age$/, '.mp4.age.part'));
  const lines = readFileSync(ledger(dir), 'utf8').split('\n');
  writeFileSync(ledger(dir), `${lines.slice(0, 2).join('\n')}\n${lines[2]!.slice(0, 40)}`);
  const state = readFileSync(join(dir, 'state.json'));
  const repaired = await repairStore(parts);
  assert.equal(repaired.map(({ code }) => code).sort(), ['ledger-torn', 'segment-entered', 'segment-torn']);
  assert.equal(readFileSync(join(dir, 'state.json')), state);
  const { findings, segments } = await verifyStore(systemFiles, dir, { full: true, now: Date.now() });
  assert.equal(findings, []);
  assert.is(segments, 4);
  assert.equal(await repairStore(parts), []);
  // A changed byte is nothing that can be mended.
  const bytes = readFileSync(file(dir, rows[0]));
  bytes[500] = bytes[500]! ^ 1;
  writeFileSync(file(dir, rows[0]), bytes);
  assert.equal(await repairStore(parts), []);
  const after = await verifyStore(systemFiles, dir, { full: true, now: Date.now() });
  assert.equal(
    after.findings.map(({ code }) => code),
    ['segment-hash'],
  );
});

test('a disk that does not give a file, a ledger or a folder: each is a finding, and the rest is checked', async () => {
  using folder = temporaryFolder();
  const store = await openStore(storeParts(folder.path, systemClock));
  for (const id of ['cam-1', 'cam-2']) {
    const camera = await store.camera(id);
    for (let i = 0; i < 2; i++) await sealSegment(camera, t0 + i * 10_000, 10_000, { run: t0 });
  }
  await store.close();
  const eio = (path: string): never => {
    throw Object.assign(new Error(`EIO: i/o error, ${path}`), { code: 'EIO' });
  };
  const failing = (bad: (path: string) => boolean): Files => ({
    ...systemFiles,
    open: async (path, how) => (bad(path) ? eio(path) : await systemFiles.open(path, how)),
    read: async (path, most) => (bad(path) ? eio(path) : await systemFiles.read(path, most)),
    list: async (path) => (bad(path) ? eio(path) : await systemFiles.list(path)),
  });
  const check = async (bad: (path: string) => boolean) => {
    const { findings, segments } = await verifyStore(failing(bad), folder.path, {
      full: true,
      now: Date.now(),
    });
    return { codes: findings.map(({ severity, code }) => `${severity} ${code}`), segments };
  };
  const unreadable = 'problem unreadable';
  const name = '20260115T120000000Z-10000.mp4.age';
  for (const [what, expected] of [
    [`cam-1/2026-01-15/${name}`, { codes: [unreadable], segments: 4 }],
    ['cam-1/ledger.jsonl', { codes: [unreadable], segments: 4 }],
    ['cam-1/2026-01-15', { codes: [unreadable], segments: 2 }],
    ['/segments', { codes: [unreadable], segments: 0 }],
    ['/state.json', { codes: [unreadable], segments: 4 }],
  ] as const)
    assert.equal(await check((path) => path.endsWith(what)), expected, what);
});

test('pipes, sockets and links are named, never opened', async () => {
  const harm = (dir: string): void => {
    assert.is(
      spawnSync('mkfifo', [join(dir, day, 'pipe.mp4.age'), join(dir, 'pipe'), join(dir, 'apply.sock')])
        .status,
      0,
    );
    symlinkSync('/etc/passwd', join(dir, day, '20260115T120100000Z.mp4.age.part'));
  };
  assert.equal(await found(harm), ['notice foreign-name', 'problem foreign-name', 'problem foreign-name']);
});
