import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openAudit } from '#agent/audit/audit.ts';
import { openCommands } from '#agent/command/commands.ts';
import { applyCommand } from '#agent/extract/apply.ts';
import { openCopies } from '#agent/extract/copies.ts';
import { openExtractions } from '#agent/extract/extraction.ts';
import { type Files, systemFiles } from '#agent/platform/files.ts';
import { signersStand } from '#protocol/command.ts';
import { parseEnvelope, payloadTypes, sha256, verifyEnvelope } from '#protocol/envelope.ts';
import type { Failure } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { manifestSchema } from '#protocol/manifest.ts';
import { verifyPolicy } from '#protocol/policy.ts';
import { lineProofSchema, verifyLineProof } from '#protocol/proof.ts';
import type { CommandStatus } from '#protocol/status.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { fakeFootage } from '../support/fake-footage.ts';
import { quietLog } from '../support/log.ts';
import { signedWorld } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('apply from a stick');
const world = signedWorld();
const nodeKey = publicKeyOf(world.keys.node);

async function node(folder: string, later = world.policy, files: Files = systemFiles) {
  const clock = fakeClock();
  const common = { files: systemFiles, clock, log: quietLog, node: 'site-09', key: world.keys.node };
  const audit = await openAudit({ ...common, folder: join(folder, 'audit') });
  const footage = fakeFootage(join(folder, 'footage'));
  const copies = openCopies(files);
  const extractions = await openExtractions({
    ...common,
    folder: join(folder, 'extract'),
    retentionMs: 168 * 3_600_000,
    footage,
    delivery: undefined,
    copies,
    // What came into force after the command was taken.
    stands: (command) => signersStand(command, later),
    whenCosigned: () => {
      throw new Error('no network, no cosignature');
    },
  });
  const commands = await openCommands({
    ...common,
    folder: join(folder, 'commands'),
    policy: () => world.policy,
    clockTrusted: () => true,
    audit,
    publishStatus: () => {},
    runners: { extract: extractions.runner },
  });
  const prove = (seq: number) => audit.prove(seq, { hash: 'ab'.repeat(32), version: 1 });
  const parts = { files, commands, copies, key: world.keys.node, prove };
  return {
    footage,
    now: clock.utc(),
    apply: (payload: unknown, out: string, signers?: Parameters<typeof world.sign>[1]) =>
      applyCommand(parts, world.sign(payload, signers), out, new AbortController().signal),
    reserved: () => extractions.reserved('cam-1', 0, Number.MAX_SAFE_INTEGER),
    async close() {
      await commands.close();
      await audit.close();
    },
  };
}
const proofsIn = (out: string) => {
  const { lines } = JSON.parse(readFileSync(join(out, 'proof.json'), 'utf8'));
  return lines.map((proof: unknown) => verifyLineProof(lineProofSchema.parse(proof), nodeKey).line);
};

test('footage, manifest, command, status and proofs lie in the folder, and everything verifies', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path);
  box.footage.add(box.now - 700_000, box.now - 500_000, 600_000);
  box.footage.add(box.now - 500_000, box.now - 200_000, 400_001);
  const out = join(folder.path, 'stick');
  const extract = world.extract();
  const status = await box.apply(extract, out);
  assert.equal([status.state, status.segments, status.bytes], ['done', 2, 1_000_001]);
  const envelope = parseEnvelope(readFileSync(join(out, 'manifest.dsse.json')), 1e6);
  const { payload } = verifyEnvelope(envelope, payloadTypes.manifest, [nodeKey]);
  const manifest = manifestSchema.parse(JSON.parse(payload.toString()));
  for (const { name, sha256: hash } of manifest.files) assert.is(sha256(readFileSync(join(out, name))), hash);
  assert.equal(
    readdirSync(out).sort(),
    [
      ...manifest.files.map(({ name }) => name),
      'command.dsse.json',
      'manifest.dsse.json',
      'proof.json',
      'status.dsse.json',
    ].sort(),
  );
  const lines = proofsIn(out);
  assert.equal(
    lines.map(({ kind, id }: { kind: string; id: string }) => [kind, id]),
    [
      ['command-accepted', extract.id],
      ['command-done', extract.id],
    ],
  );
  assert.is(lines[0].seq, manifest.auditSeq);
  await eventually('the reservation to go', () => !box.reserved());
  // The same once more, into another folder: nothing runs, the last status again.
  const again = join(folder.path, 'again');
  assert.equal(await box.apply(extract, again), status);
  assert.not.ok(existsSync(join(again, 'manifest.dsse.json')));
  await box.close();
});

test('a refusal leaves its status and its line, and no picture', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path);
  box.footage.add(box.now - 700_000, box.now - 200_000);
  for (const [index, [signers, code]] of (
    [
      [[world.keys.operator], 'missing-signature'],
      [[world.keys.operator, world.keys.stranger], 'bad-signature'],
    ] as const
  ).entries()) {
    const out = join(folder.path, `stick-${index}`);
    const status = await box.apply(world.extract(), out, [...signers]);
    assert.equal([status.state, status.reason], ['refused', code]);
    assert.equal(readdirSync(out).sort(), ['command.dsse.json', 'proof.json', 'status.dsse.json']);
    assert.equal(
      proofsIn(out).map(({ kind }: { kind: string }) => kind),
      ['command-refused'],
    );
  }
  await box.close();
});

test('a command that overtook the policy that revokes its signer gives nothing out', async () => {
  const persons = (without: string) => world.policyPayload().persons.filter(({ name }) => name !== without);
  for (const gone of ['Anna', 'Bruno']) {
    using folder = temporaryFolder();
    const payload = world.policyPayload({ version: 2, persons: persons(gone) });
    const box = await node(folder.path, verifyPolicy(world.signPolicy(payload), world.trust));
    box.footage.add(box.now - 700_000, box.now - 200_000);
    const out = join(folder.path, 'stick');
    const status = await box.apply(world.extract(), out);
    assert.equal([status.state, status.reason], ['failed', 'signer-revoked']);
    assert.equal(readdirSync(out).sort(), ['command.dsse.json', 'proof.json', 'status.dsse.json']);
    await box.close();
  }
});

test('a folder that is not empty is left alone; footage that is not what was recorded is not handed out', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path);
  const segment = box.footage.add(box.now - 700_000, box.now - 200_000);
  const full = join(folder.path, 'full');
  mkdirSync(full);
  writeFileSync(join(full, 'holiday.jpg'), 'x');
  assert.is(await codeThrown(() => box.apply(world.extract(), full)), 'out-not-empty');
  writeFileSync(join(folder.path, 'footage', segment.file), Buffer.alloc(1000));
  const out = join(folder.path, 'stick');
  const status = await box.apply(world.extract(), out);
  assert.equal([status.state, status.reason], ['failed', 'footage-changed']);
  assert.not.ok(existsSync(join(out, segment.file)));
  await eventually('the reservation to go', () => !box.reserved());
  await box.close();
});

/** The disks of this machine, of which `broken` says what one call gives. */
function failingFiles(broken: (what: string, path: string) => string | undefined): Files {
  const judged = (what: string, path: string): void => {
    const code = broken(what, path);
    if (code !== undefined) throw Object.assign(new Error(`${code}: ${what} ${path}`), { code });
  };
  return {
    ...systemFiles,
    async open(path, how) {
      judged(how, path);
      const file = await systemFiles.open(path, how);
      return {
        ...file,
        async read(into, position) {
          judged('reading', path);
          return file.read(into, position);
        },
        async close() {
          await file.close();
          judged('close', path);
        },
      };
    },
    async size(path) {
      judged('size', path);
      return systemFiles.size(path);
    },
    async makeFolder(path) {
      judged('makeFolder', path);
      await systemFiles.makeFolder(path);
    },
  };
}

test('a stick that is pulled out and a disk that does not give a segment fail the command, not the agent', async () => {
  const segments = /\.mp4\.age/;
  for (const [broken, reason, thrown] of [
    // Between two files, and as one is closed.
    [(what: string, path: string) => what === 'size' && segments.test(path), 'copy-failed'],
    [(what: string, path: string) => what === 'close' && path.endsWith('.part'), 'copy-failed'],
    [(what: string, path: string) => what === 'reading' && path.includes('footage'), 'footage-missing'],
    // Pulled out for good: nobody is left to be told there.
    [
      (what: string, path: string) => what === 'create' && /manifest|status/.test(path),
      'copy-failed',
      'out-refused',
    ],
  ] as const) {
    using folder = temporaryFolder();
    const files = failingFiles((what, path) => (broken(what, path) ? 'EIO' : undefined));
    const box = await node(folder.path, world.policy, files);
    box.footage.add(box.now - 700_000, box.now - 500_000);
    box.footage.add(box.now - 500_000, box.now - 200_000);
    const extract = world.extract();
    const first = await box.apply(extract, join(folder.path, 'stick')).catch((error: unknown) => error);
    if (thrown === undefined) assert.is((first as CommandStatus).reason, reason);
    else {
      assert.is((first as Failure).code, thrown);
      const again = await box.apply(extract, join(folder.path, 'other')).catch((error: unknown) => error);
      assert.is((again as Failure).code, thrown);
    }
    await eventually('the reservation to go', () => !box.reserved());
    await box.close();
  }
});

test('a folder that the agent may not write costs no command its id', async () => {
  using folder = temporaryFolder();
  const locked = join(folder.path, 'locked');
  mkdirSync(locked);
  let closed = true;
  const files = failingFiles((what, path) =>
    closed && path.startsWith(locked) && ['create', 'makeFolder'].includes(what) ? 'EACCES' : undefined,
  );
  const box = await node(folder.path, world.policy, files);
  box.footage.add(box.now - 700_000, box.now - 200_000);
  const extract = world.extract();
  for (const out of [locked, join(locked, 'deeper')])
    assert.is(await codeThrown(() => box.apply(extract, out)), 'out-refused');
  closed = false;
  assert.is((await box.apply(extract, locked)).state, 'done');
  await box.close();
});
