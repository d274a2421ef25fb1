// The process dies, or the power goes, before every single change that the log makes to the disk; then the log goes on.
import { generateKeyPairSync } from 'node:crypto';
import * as assert from 'uvu/assert';
import { type Audit, openAudit } from '#agent/audit/audit.ts';
import { verifyAudit } from '#agent/audit/verify.ts';
import { cosignCheckpoint, readCheckpoint, verifyCosigned } from '#protocol/checkpoint.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { leafHash, merkleRoot } from '#protocol/merkle.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { isFrozen, type MemoryDisk, memoryDisk } from '../support/memory-disk.ts';
import { suite } from '../support/suite.ts';

const test = suite('log, crashed at every step', { timeoutMs: 120_000 });
const key = generateKeyPairSync('ed25519').privateKey;
const hubKey = generateKeyPairSync('ed25519').privateKey;
const policy = { hash: 'ab'.repeat(32), version: 1 };
const folder = '/store/audit';

/** What callers were told, and may rely on. */
interface Told {
  lines: { seq: number; kind: string }[];
  notes: string[];
  cosigned: number;
}
const nothing = (): Told => ({ lines: [], notes: [], cosigned: 0 });

async function life(disk: MemoryDisk, told: Told): Promise<void> {
  const clock = fakeClock(Date.UTC(2026, 0, 31, 23, 59));
  const audit = await openAudit({ files: disk.files, clock, folder, node: 'site-09', key });
  const say = async (kind: string): Promise<void> => {
    told.lines.push({ seq: (await audit.append(kind, {})).seq, kind });
  };
  const sign = async (): Promise<string> => {
    const { note } = (await audit.checkpoint(policy))!;
    told.notes.push(note);
    return note;
  };
  await say('first');
  await Promise.all([say('second'), say('third'), say('fourth')]);
  const note = await sign();
  await say('fifth');
  clock.stepUtc(120_000); // Another month, another file.
  await Promise.all([say('sixth'), say('seventh')]);
  const statement = { policyVersion: 1, registerSize: 0, registerHead: '0'.repeat(64) };
  const answer = cosignCheckpoint('site-09', note, statement, hubKey, clock.utc());
  const cosigned = verifyCosigned('site-09', answer, publicKeyOf(key), publicKeyOf(hubKey));
  await audit.takeCosigned(cosigned);
  told.cosigned = cosigned.head.size;
  await sign();
  await say('eighth');
  await audit.close();
}

async function linesOf(audit: Audit): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const more = await audit.read(lines.length + 1, 3);
    if (more.length === 0) return lines;
    lines.push(...more.map(({ text }) => text));
  }
}

async function judge(disk: MemoryDisk, told: Told, what: string): Promise<void> {
  const of = { node: 'site-09', key: publicKeyOf(key) };
  const problems = async () =>
    (await verifyAudit(disk.files, folder, of)).findings.filter(({ severity }) => severity === 'problem');
  assert.equal(await problems(), [], `${what}: before recovery`);
  const clock = fakeClock(Date.UTC(2026, 1, 2));
  const audit = await openAudit({ files: disk.files, clock, folder, node: 'site-09', key });
  assert.ok(audit.cosigned() >= told.cosigned, what);
  const next = await audit.append('after', {});
  told.lines.push({ seq: next.seq, kind: 'after' });
  told.notes.push((await audit.checkpoint(policy))!.note);
  const lines = await linesOf(audit);
  assert.is(lines.length, audit.size(), what);
  for (const { seq, kind } of told.lines)
    assert.is(JSON.parse(lines[seq - 1]!).kind, kind, `${what}: line ${seq}`);
  const leaves = lines.map((line) => leafHash(line));
  for (const note of told.notes) {
    const { size, root } = readCheckpoint('site-09', note);
    assert.ok(
      root.equals(merkleRoot(leaves.slice(0, size))),
      `${what}: a head of ${size} lines that is not this log`,
    );
  }
  await audit.close();
  assert.equal(await problems(), [], `${what}: after recovery`);
}

const fates: [string, (disk: MemoryDisk) => void][] = [
  ['killed', (disk) => disk.crash('kill')],
  ['cut', (disk) => disk.crash('cut')],
  ['cut, half of it through', (disk) => disk.crash('cut', () => 0.5)],
  ['cut, all of it through', (disk) => disk.crash('cut', () => 1)],
];

for (const [name, crash] of fates)
  test(`${name}: what was told is there, and no head is signed twice over`, async () => {
    const whole = memoryDisk(() => 0);
    await life(whole, nothing());
    const steps = whole.steps();
    assert.ok(steps > 40, `${steps} steps`);
    for (let at = 1; at <= steps; at++) {
      const disk = memoryDisk(() => 0);
      const told = nothing();
      disk.freezeAt(at);
      await life(disk, told).catch((error: unknown) => {
        if (!isFrozen(error)) throw error;
      });
      crash(disk);
      await judge(disk, told, `step ${at} of ${steps}, ${name}`);
    }
  });

test('crashed again at every step of the recovery', async () => {
  const clock = fakeClock(Date.UTC(2026, 1, 2));
  for (const at of [12, 20, 30]) {
    const disk = memoryDisk(() => 0);
    const told = nothing();
    disk.freezeAt(at);
    await life(disk, told).catch((error: unknown) => {
      if (!isFrozen(error)) throw error;
    });
    disk.crash('cut', () => 0.6);
    for (let again = 1; again <= 12; again++) {
      const copy = disk.fork();
      copy.freezeAt(copy.steps() + again);
      await openAudit({ files: copy.files, clock, folder, node: 'site-09', key })
        .then((audit) => audit.append('recovered', {}))
        .catch((error: unknown) => {
          if (!isFrozen(error)) throw error;
        });
      copy.crash('cut', () => 0.3);
      await judge(copy, structuredClone(told), `step ${at}, recovery step ${again}`);
    }
  }
});

test('a disk that refuses, or is full, leaves the log as it was and takes it again later', async () => {
  for (const [what, code] of [
    ['write', 'EIO'],
    ['sync', 'EIO'],
    ['write', 'ENOSPC'],
  ] as const) {
    const disk = memoryDisk(() => 0);
    const clock = fakeClock();
    const audit = await openAudit({ files: disk.files, clock, folder, node: 'site-09', key });
    await audit.append('a', {});
    disk.refuse((doing) => (doing === what ? Object.assign(new Error(code), { code }) : undefined));
    const failed = await audit.append('b', {}).catch((error: { code: string }) => error.code);
    assert.is(failed, code === 'ENOSPC' ? 'disk-full' : 'disk-error');
    disk.refuse(() => undefined);
    assert.is((await audit.append('c', {})).seq, 2);
    assert.equal(
      (await linesOf(audit)).map((line) => JSON.parse(line).kind),
      ['a', 'c'],
    );
    await audit.close();
    assert.equal((await verifyAudit(disk.files, folder, { node: 'site-09' })).findings, []);
  }
});
