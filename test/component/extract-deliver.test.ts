import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openAudit } from '#agent/audit/audit.ts';
import { openCommands } from '#agent/command/commands.ts';
import { openExtractions } from '#agent/extract/extraction.ts';
import { openReservations } from '#agent/extract/reservations.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { type Files, systemFiles } from '#agent/platform/files.ts';
import { openUploads } from '#agent/upload/uploads.ts';
import { cosignCheckpoint, verifyCosigned } from '#protocol/checkpoint.ts';
import { parseEnvelope, payloadTypes, sha256, verifyEnvelope } from '#protocol/envelope.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { manifestSchema } from '#protocol/manifest.ts';
import type { CommandStatus } from '#protocol/status.ts';
import { instantText } from '#protocol/time.ts';
import { eventually } from '../support/eventually.ts';
import { fakeFootage } from '../support/fake-footage.ts';
import { openLink } from '../support/link.ts';
import { quietLog } from '../support/log.ts';
import { signedWorld } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { openTusServer } from '../support/tus-server.ts';

const test = suite('extract and deliver');
const now = Date.now();
const world = signedWorld(now);
const weekMs = 168 * 3_600_000;

/** The obeying side of a node, wired as the agent wires it, over footage of our own. */
async function node(folder: string, url: string, footage = fakeFootage(join(folder, 'footage'))) {
  const audit = await openAudit({
    files: systemFiles,
    clock: systemClock,
    folder: join(folder, 'audit'),
    node: 'site-09',
    key: world.keys.node,
  });
  const uploads = await openUploads({
    files: systemFiles,
    clock: systemClock,
    random: { bytes: randomBytes, fraction: () => 0 },
    log: quietLog,
    folder: join(folder, 'uploads'),
    url,
    limitBits: 1e9,
    tls: {},
  });
  const extractions = await openExtractions({
    files: systemFiles,
    clock: systemClock,
    log: quietLog,
    folder: join(folder, 'extract'),
    node: 'site-09',
    key: world.keys.node,
    retentionMs: weekMs,
    footage,
    delivery: uploads,
    whenCosigned: audit.whenCosigned,
    stands: () => true,
  });
  const said: CommandStatus[] = [];
  const commands = await openCommands({
    files: systemFiles,
    clock: systemClock,
    log: quietLog,
    folder: join(folder, 'commands'),
    node: 'site-09',
    key: world.keys.node,
    policy: () => world.policy,
    clockTrusted: () => true,
    audit,
    publishStatus: (_, text) => {
      const { payload } = parseEnvelope(Buffer.from(text), 4096);
      said.push(JSON.parse(payload.toString()));
    },
    runners: { extract: extractions.runner },
  });
  return {
    audit,
    footage,
    extractions,
    commands,
    said,
    /** The hub sees the head and cosigns it. */
    async cosign() {
      const head = await audit.checkpoint({ hash: 'ab'.repeat(32), version: 1 });
      const statement = { policyVersion: 1, registerSize: 0, registerHead: '0'.repeat(64) };
      const answer = cosignCheckpoint('site-09', head!.note, statement, world.keys.hub, Date.now());
      const keys = [publicKeyOf(world.keys.node), publicKeyOf(world.keys.hub)] as const;
      await audit.takeCosigned(verifyCosigned('site-09', answer, ...keys));
    },
    async close() {
      await commands.close();
      uploads.close();
      await audit.close();
    },
  };
}

async function hub(folder: string) {
  mkdirSync(join(folder, 'hub'), { recursive: true });
  return openTusServer(join(folder, 'hub'));
}
const window = (from: number, to: number) => ({ from: instantText(from), to: instantText(to) });

test('an extraction is reserved, waits for the cosignature, delivers whole segments and is forgotten', async () => {
  using folder = temporaryFolder();
  const server = await hub(folder.path);
  const box = await node(folder.path, server.url);
  const start = now - 3_600_000;
  const segments = [0, 1, 2, 3].map((i) =>
    box.footage.add(start + i * 60_000, start + (i + 1) * 60_000, 300_000),
  );
  box.footage.gaps.push({ start: start + 240_000, end: start + 300_000, reason: 'no-connection' });
  const extract = world.extract(window(start + 70_000, start + 250_000));
  const accepted = await box.commands.receive(world.sign(extract), 'mqtt');
  assert.is(accepted?.state, 'accepted');
  assert.ok(box.extractions.reserved('cam-1', start + 60_000, start + 120_000));
  assert.ok(box.extractions.reserved('cam-1', start + 180_000, start + 240_000));
  assert.not.ok(box.extractions.reserved('cam-1', start, start + 60_000));
  assert.not.ok(box.extractions.reserved('cam-2', start + 60_000, start + 120_000));

  await eventually('the manifest', () =>
    existsSync(join(folder.path, 'extract', `${extract.id}.manifest.dsse.json`)),
  );
  assert.equal(server.requests(), []);
  await box.cosign();
  await eventually('the end', () => box.said.at(-1)?.state === 'done');
  assert.equal(
    [box.said.at(-1)?.segments, box.said.at(-1)?.bytes, box.said.at(-1)?.progress],
    [3, 900_000, 1],
  );
  const [first, ...files] = server.whole();
  assert.is(first?.file, 'manifest.dsse.json');
  const envelope = parseEnvelope(first!.bytes, 1e6);
  const { payload } = verifyEnvelope(envelope, payloadTypes.manifest, [publicKeyOf(world.keys.node)]);
  const manifest = manifestSchema.parse(JSON.parse(payload.toString()));
  assert.equal(
    [manifest.command, manifest.node, manifest.camera, manifest.auditSeq],
    [extract.id, 'site-09', 'cam-1', accepted?.auditSeq],
  );
  assert.equal(manifest.gaps, [{ start: start + 240_000, end: start + 250_000, reason: 'no-connection' }]);
  assert.equal(
    manifest.files.map(({ name }) => name),
    segments.slice(1).map(({ file }) => file),
  );
  assert.equal(
    files.map(({ file, bytes }) => [file, sha256(bytes)]),
    manifest.files.map(({ name, sha256 }) => [name, sha256]),
  );
  await eventually(
    'the reservation to go',
    () => !box.extractions.reserved('cam-1', start + 60_000, start + 120_000),
  );
  await box.close();
  await server.close();
});

test('refused: an unknown camera, an end in the future, a start of which nothing is left', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path, 'http://127.0.0.1:9/upload');
  const start = now - 3_600_000;
  box.footage.add(start, start + 60_000);
  box.footage.gaps.push(
    { start: start - 60_000, end: start, reason: 'no-connection' },
    { start: now - weekMs - 86_400_000, end: now - weekMs - 3_600_000, reason: 'agent-stopped' },
  );
  const cases: [object, string][] = [
    [{ camera: 'cam-2' }, 'unknown-camera'],
    [window(start, Date.now() + 60_000), 'outside-retention'],
    [window(start - 120_000, start + 10_000), 'outside-retention'],
    [window(now - weekMs - 7_200_000, start + 10_000), 'outside-retention'],
  ];
  for (const [change, code] of cases) {
    const status = await box.commands.receive(world.sign(world.extract(change)), 'mqtt');
    assert.equal([status?.state, status?.reason], ['refused', code]);
  }
  assert.not.ok(box.extractions.reserved('cam-1', start, start + 60_000));
  // Beginning in a gap that is younger than the retention is a window that is partly there.
  const partly = world.extract(window(start - 30_000, start + 10_000));
  assert.is((await box.commands.receive(world.sign(partly), 'mqtt'))?.state, 'accepted');
  await box.close();
});

test('an end in the open segment seals it early', async () => {
  using folder = temporaryFolder();
  const server = await hub(folder.path);
  const box = await node(folder.path, server.url);
  const start = Date.now() - 30_000;
  box.footage.add(start - 60_000, start);
  box.footage.open = { start, end: Date.now() + 1000 };
  const extract = world.extract(window(start + 5000, Date.now() + 300));
  await box.commands.receive(world.sign(extract), 'mqtt');
  await eventually('the manifest', () =>
    existsSync(join(folder.path, 'extract', `${extract.id}.manifest.dsse.json`)),
  );
  assert.is(box.footage.cuts, 1);
  await box.cosign();
  await eventually('the end', () => box.said.at(-1)?.state === 'done');
  assert.is(box.said.at(-1)?.segments, 1);
  await box.close();
  await server.close();
});

test('stopped in the middle it goes on at the next start, with the same manifest', async () => {
  using folder = temporaryFolder();
  const server = await hub(folder.path);
  const link = await openLink(server.port, { bitsPerSecond: 16_000_000 });
  const url = `http://127.0.0.1:${link.port}/upload`;
  const box = await node(folder.path, url);
  const start = now - 3_600_000;
  const segment = box.footage.add(start, start + 60_000, 3_000_000);
  const extract = world.extract(window(start, start + 50_000));
  await box.commands.receive(world.sign(extract), 'mqtt');
  await box.cosign();
  await eventually('some bytes', () => link.bytesUp() > 1_000_000);
  await box.close();
  const again = await node(folder.path, url, box.footage);
  assert.ok(again.extractions.reserved('cam-1', start, start + 1));
  // Sealed since: not in the manifest that was signed.
  again.footage.add(start + 10_000, start + 20_000);
  await eventually('the end', () => again.said.at(-1)?.state === 'done');
  assert.equal(
    server.whole().map(({ file }) => file),
    ['manifest.dsse.json', segment.file],
  );
  assert.ok(link.bytesUp() < 1.4 * 3_000_000, `${link.bytesUp()} bytes`);
  await again.close();
  await link.close();
  await server.close();
});

test('a hub that wants nothing of it makes it fail, and the reservation goes', async () => {
  using folder = temporaryFolder();
  const server = await hub(folder.path);
  server.answer(403);
  const box = await node(folder.path, server.url);
  const start = now - 3_600_000;
  box.footage.add(start, start + 60_000);
  await box.commands.receive(world.sign(world.extract(window(start, start + 50_000))), 'mqtt');
  await box.cosign();
  await eventually('the end', () => box.said.at(-1)?.state === 'failed');
  assert.is(box.said.at(-1)?.reason, 'upload-refused');
  await eventually('the reservation to go', () => !box.extractions.reserved('cam-1', start, start + 1));
  await box.close();
  await server.close();
});

test('reservations that the disk does not give back are taken for none, told, and made again', async () => {
  using folder = temporaryFolder();
  const told: string[] = [];
  const opened = (files: Files) =>
    openReservations(
      files,
      folder.path,
      () => now,
      (path) => told.push(path),
    );
  const one = {
    command: world.extract().id,
    camera: 'cam-1',
    from: now - 2000,
    to: now,
    until: now + 60_000,
  };
  await (await opened(systemFiles)).add(one);
  const badSector: Files = {
    ...systemFiles,
    async read() {
      throw Object.assign(new Error('a bad sector'), { code: 'EIO' });
    },
  };
  const again = await opened(badSector);
  assert.equal([told.length, again.reserved('cam-1', now - 1000, now)], [1, false]);
  await again.add(one);
  assert.ok((await opened(systemFiles)).reserved('cam-1', now - 1000, now));
});
