import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type Audit, openAudit } from '#agent/audit/audit.ts';
import { verifyAudit } from '#agent/audit/verify.ts';
import { type Files, systemFiles } from '#agent/platform/files.ts';
import { cosignCheckpoint, verifyCheckpoint, verifyCosigned } from '#protocol/checkpoint.ts';
import { sha256 } from '#protocol/envelope.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { leafHash, merkleRoot } from '#protocol/merkle.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('audit log');
const key = generateKeyPairSync('ed25519').privateKey;
const hubKey = generateKeyPairSync('ed25519').privateKey;
const policy = { hash: 'ab'.repeat(32), version: 3 };

function open(folder: string, clock = fakeClock()) {
  return openAudit({ files: systemFiles, clock, folder, node: 'site-09', key });
}
const verify = (folder: string) =>
  verifyAudit(systemFiles, folder, { node: 'site-09', key: publicKeyOf(key) });
/** The hub's answer to the head of now. */
async function cosign(audit: Audit): Promise<void> {
  const { note } = (await audit.checkpoint(policy))!;
  const statement = { policyVersion: 3, registerSize: 0, registerHead: '0'.repeat(64) };
  const answer = cosignCheckpoint('site-09', note, statement, hubKey, Date.UTC(2026, 1));
  await audit.takeCosigned(verifyCosigned('site-09', answer, publicKeyOf(key), publicKeyOf(hubKey)));
}
const codes = async (folder: string) => (await verify(folder)).findings.map(({ code }) => code);

test('lines count from one, chain, and make the tree that is signed', async () => {
  using folder = temporaryFolder();
  const audit = await open(folder.path);
  assert.is(await audit.checkpoint(policy), undefined);
  const seqs = await Promise.all(
    Array.from({ length: 50 }, (_, i) => audit.append('probe', { number: i, text: 'più' })),
  );
  assert.equal(
    seqs.map(({ seq }) => seq),
    Array.from({ length: 50 }, (_, i) => i + 1),
  );
  const lines = readFileSync(join(folder.path, '2026-01.jsonl'), 'utf8').split('\n').slice(0, -1);
  assert.is(lines.length, 50);
  for (const [index, line] of lines.entries())
    assert.is(JSON.parse(line).prev, index === 0 ? '' : sha256(lines[index - 1]!));
  const checkpoint = await audit.checkpoint(policy);
  const head = verifyCheckpoint('site-09', checkpoint!.note, publicKeyOf(key));
  assert.is(head.size, 50);
  assert.is(head.policyHash, policy.hash);
  assert.ok(head.root.equals(merkleRoot(lines.map((line) => leafHash(line)))));
  await audit.close();
  assert.equal(await codes(folder.path), []);
});

test('goes on where it stopped, also without its remembered place', async () => {
  using folder = temporaryFolder();
  for (const forget of [false, true, false]) {
    const audit = await open(folder.path);
    await audit.append('start', {});
    await audit.checkpoint(policy);
    await audit.append('stop', {});
    await audit.close();
    if (forget) writeFileSync(join(folder.path, 'recent.json'), '{"torn');
  }
  assert.equal(await verify(folder.path), { firstSeq: 1, lastSeq: 6, findings: [] });
});

test('a new month is a new file, and a clock that steps back does not go back to an old one', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock(Date.UTC(2026, 0, 31, 23, 59));
  const audit = await open(folder.path, clock);
  await audit.append('a', {});
  clock.stepUtc(120_000);
  await audit.append('b', {});
  clock.stepUtc(-120_000);
  await audit.append('c', {});
  const read = await audit.read(1, 10);
  assert.equal(
    read.map(({ text }) => JSON.parse(text).kind),
    ['a', 'b', 'c'],
  );
  assert.equal(
    (await audit.read(2, 1)).map(({ seq }) => seq),
    [2],
  );
  await audit.close();
  assert.is(readFileSync(join(folder.path, '2026-02.jsonl'), 'utf8').trim().split('\n').length, 2);
  assert.equal(await verify(folder.path), { firstSeq: 1, lastSeq: 3, findings: [] });
  // Retention takes whole months, once the hub holds them; the base of the first that remains stands for them.
  const again = await open(folder.path, clock);
  assert.equal(await again.expire(Date.UTC(2026, 5)), []);
  await cosign(again);
  assert.equal(await again.expire(Date.UTC(2026, 0, 31)), []);
  assert.equal(await again.expire(Date.UTC(2026, 5)), ['2026-01']);
  assert.equal(await verify(folder.path), { firstSeq: 2, lastSeq: 3, findings: [] });
  assert.is(again.size(), 3);
  assert.is(await codeThrown(() => again.read(1, 1)), 'audit-expired');
  await again.close();
});

test('reads far lines by number without reading all that is before them twice', async () => {
  using folder = temporaryFolder();
  const audit = await open(folder.path);
  await Promise.all(Array.from({ length: 3000 }, (_, i) => audit.append('n', { i })));
  const all: number[] = [];
  for (let from = 1; from <= 3000; from += 500)
    all.push(...(await audit.read(from, 500)).map(({ text }) => JSON.parse(text).i));
  assert.equal(
    all,
    Array.from({ length: 3000 }, (_, i) => i),
  );
  assert.equal(
    (await audit.read(2500, 2)).map(({ seq }) => seq),
    [2500, 2501],
  );
  assert.equal(await audit.read(3001, 5), []);
  await audit.close();
});

test('a torn last line is recoverable and cut off', async () => {
  using folder = temporaryFolder();
  const audit = await open(folder.path);
  await audit.append('a', {});
  await audit.close();
  appendFileSync(join(folder.path, '2026-01.jsonl'), '{"seq":2,"at":"2026-');
  const { findings } = await verify(folder.path);
  assert.equal(
    findings.map(({ code, severity }) => [code, severity]),
    [['audit-torn', 'recoverable']],
  );
  const again = await open(folder.path);
  assert.is(again.cutBytes, 20);
  assert.is((await again.append('b', {})).seq, 2);
  await again.close();
  assert.equal(await codes(folder.path), []);
});

test('an edited, a missing, a swapped line and a shortened log are found', async () => {
  using temporary = temporaryFolder();
  const folder = { path: join(temporary.path, 'audit') };
  const path = join(folder.path, '2026-01.jsonl');
  const audit = await open(folder.path);
  for (let i = 0; i < 5; i++) await audit.append('line', { value: i });
  await audit.checkpoint(policy);
  await audit.close();
  const good = readFileSync(path, 'utf8');
  const lines = good.split('\n').slice(0, -1);
  const damage: [string, string][] = [
    [good.replace('"value":1', '"value":7'), 'audit-chain'],
    [lines.filter((_, i) => i !== 2).join('\n') + '\n', 'audit-seq'],
    [[lines[0], lines[2], lines[1], lines[3], lines[4]].join('\n') + '\n', 'audit-seq'],
    [lines.slice(0, 4).join('\n') + '\n', 'audit-truncated'],
    [good.replace('"value":4', '"value":7'), 'audit-root'],
    [good.replace('{"seq":3', '{"seq:3'), 'audit-malformed'],
  ];
  for (const [bytes, code] of damage) {
    writeFileSync(path, bytes);
    assert.equal(await codes(folder.path), [code]);
    rmSync(join(folder.path, 'recent.json'), { force: true });
    // It is set aside as it is, and the agent goes on with a log that says so.
    cpSync(folder.path, join(temporary.path, 'copy'), { recursive: true });
    const other = await open(folder.path);
    assert.is(other.broken?.code, code);
    assert.is(readFileSync(join(other.broken!.aside, '2026-01.jsonl'), 'utf8'), bytes);
    assert.equal(
      (await other.read(1, 9)).map(({ text }) => JSON.parse(text)).map(({ kind, code }) => [kind, code]),
      [['log-broken', code]],
    );
    await other.close();
    assert.equal(await codes(folder.path), ['audit-aside']);
    rmSync(other.broken!.aside, { recursive: true });
    rmSync(folder.path, { recursive: true });
    renameSync(join(temporary.path, 'copy'), folder.path);
  }
});

test('a cosignature moves the cursor, durably, and wakes who waits for it', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const audit = await open(folder.path, clock);
  await audit.append('a', {});
  await audit.append('b', {});
  const { note } = (await audit.checkpoint(policy))!;
  const statement = { policyVersion: 3, registerSize: 0, registerHead: '0'.repeat(64) };
  const answer = cosignCheckpoint('site-09', note, statement, hubKey, clock.utc());
  const cosigned = verifyCosigned('site-09', answer, publicKeyOf(key), publicKeyOf(hubKey));
  const stop = new AbortController();
  const waits = audit.whenCosigned(2, stop.signal);
  const aborted = audit.whenCosigned(3, stop.signal);
  await audit.takeCosigned(cosigned);
  await waits;
  assert.is(audit.cosigned(), 2);
  stop.abort(new Error('closing'));
  assert.is(await aborted.catch((error: Error) => error.message), 'closing');
  await audit.close();
  const again = await open(folder.path, clock);
  assert.is(again.cosigned(), 2);
  assert.is(await again.lastCosigned(), answer);
  await again.whenCosigned(2, new AbortController().signal);
  const ahead = { ...cosigned, head: { ...cosigned.head, size: 9 } };
  assert.is(await codeThrown(() => again.takeCosigned(ahead)), 'cosignature-ahead');
  await again.close();
});

test('a cosignature given to a log of before, on a disk that is gone, covers nothing of this one', async () => {
  using old = temporaryFolder();
  using fresh = temporaryFolder();
  const before = await open(old.path);
  for (const kind of ['a', 'b']) await before.append(kind, {});
  const statement = { policyVersion: 3, registerSize: 0, registerHead: '0'.repeat(64) };
  const given = async (audit: Audit) => {
    const { note } = (await audit.checkpoint(policy))!;
    const answer = cosignCheckpoint('site-09', note, statement, hubKey, Date.UTC(2026, 1));
    return verifyCosigned('site-09', answer, publicKeyOf(key), publicKeyOf(hubKey));
  };
  const replayed = await given(before);
  await before.close();
  let audit = await open(fresh.path);
  for (const kind of ['new', 'b', 'c']) await audit.append(kind, {});
  assert.is(await codeThrown(() => audit.takeCosigned(replayed)), 'cosignature-other');
  assert.is(audit.cosigned(), 0);
  // Its own counts: of a head with lines behind it, and of one that was signed before a restart.
  const own = await given(audit);
  await audit.append('d', {});
  await audit.close();
  audit = await open(fresh.path);
  await audit.takeCosigned(own);
  assert.is(audit.cosigned(), 3);
  for (let line = 0; line < 100; line++) {
    await audit.append('e', { line });
    await audit.checkpoint(policy);
  }
  const later = await given(audit);
  await audit.append('f', {});
  await audit.takeCosigned(later);
  assert.is(audit.cosigned(), 104);
  await audit.close();
});

test('a log that the disk does not give back costs a cosignature, not the agent', async () => {
  using folder = temporaryFolder();
  let audit = await open(folder.path);
  await audit.append('a', {});
  const { note } = (await audit.checkpoint(policy))!;
  const statement = { policyVersion: 3, registerSize: 0, registerHead: '0'.repeat(64) };
  const answer = cosignCheckpoint('site-09', note, statement, hubKey, Date.UTC(2026, 1));
  const cosigned = verifyCosigned('site-09', answer, publicKeyOf(key), publicKeyOf(hubKey));
  await audit.close();
  // Of a head that was signed before a restart the root is made from the lines.
  let broken = false;
  const files: Files = {
    ...systemFiles,
    async open(path, how) {
      if (broken && how === 'read' && path.endsWith('.jsonl'))
        throw Object.assign(new Error('a bad sector'), { code: 'EIO' });
      return await systemFiles.open(path, how);
    },
  };
  audit = await openAudit({ files, clock: fakeClock(), folder: folder.path, node: 'site-09', key });
  broken = true;
  assert.is(await codeThrown(() => audit.takeCosigned(cosigned)), 'disk-error');
  broken = false;
  await audit.takeCosigned(cosigned);
  assert.is(audit.cosigned(), 1);
  await audit.close();
});

test('a log with a bad sector is set aside at the start, and the check names it', async () => {
  using temporary = temporaryFolder();
  const folder = join(temporary.path, 'audit');
  let audit = await open(folder);
  await audit.append('a', {});
  await audit.close();
  let broken = true;
  const files: Files = {
    ...systemFiles,
    async open(path, how) {
      const file = await systemFiles.open(path, how);
      if (!path.endsWith('.jsonl')) return file;
      return {
        ...file,
        async read(into, position) {
          if (broken) throw Object.assign(new Error('a bad sector'), { code: 'EIO' });
          return await file.read(into, position);
        },
      };
    },
  };
  const found = await verifyAudit(files, folder, { node: 'site-09' });
  assert.equal(
    found.findings.map(({ code }) => code),
    ['audit-unreadable'],
  );
  audit = await openAudit({ files, clock: fakeClock(), folder, node: 'site-09', key });
  assert.is(audit.broken?.code, 'audit-unreadable');
  broken = false;
  const [line] = await audit.read(1, 9);
  assert.is(JSON.parse(line?.text ?? '{}').kind, 'log-broken');
  await audit.close();
});

test("what is no line of its own is the caller's bug and harms no other line", async () => {
  using folder = temporaryFolder();
  const audit = await open(folder.path);
  const good = audit.append('a', {});
  assert.is(await audit.append('b', { seq: 9 as never }).catch((error: Error) => error.name), 'TypeError');
  assert.is(
    await audit.append('c', { text: 'x'.repeat(70_000) }).catch((error: Error) => error.name),
    'RangeError',
  );
  assert.is((await good).seq, 1);
  assert.is((await audit.append('d', {})).seq, 2);
  await audit.close();
});
