import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openConnection } from '#agent/mqtt/connection.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { openLog } from '#agent/platform/log.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { addSignature, parseEnvelope } from '#protocol/envelope.ts';
import type { ManifestPayload } from '#protocol/manifest.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { eventually } from '../support/eventually.ts';
import {
  caseFolder,
  inTown,
  refusedUpload,
  registerLines,
  stateOf,
  type World,
} from '../support/hub-case.ts';
import type { SealedSegment } from '../support/hub-segments.ts';
import { payloadOf, serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';

const test = suite('a case at the hub', { timeoutMs: 120_000 });

function cleared(world: World, id: string): boolean {
  return JSON.parse(readFileSync(join(caseFolder(world, id), 'case.json'), 'utf8')).cleared === true;
}

/** Topics below the node's commands that a new subscriber is told at once. */
async function retained({ broker, town }: World): Promise<string[]> {
  const topics: string[] = [];
  const late = openConnection({
    url: broker.url,
    clientId: 'late',
    tls: {},
    will: () => ({ topic: 'late', payload: '', delaySeconds: 0 }),
    clock: systemClock,
    random: systemRandom,
    log: openLog('silent'),
  });
  try {
    const done = new Promise<void>((resolve) => {
      late.subscribe(`peio/v1/${town.node}/command/+/status`, async ({ topic }) => void topics.push(topic));
      late.subscribe('late', async () => resolve());
      // Retained messages come before what is said after the subscription.
      late.onConnect(() => void late.publish({ topic: 'late', payload: 'now', retain: false }));
    });
    await done;
  } finally {
    await late.close();
  }
  return topics;
}

test('from request to closing: every step in the register, the footage opened in RAM and gone at the end', () =>
  inTown(async (world) => {
    const { node, town } = world;
    const id = await world.granted();
    const command = await eventually('the command', () => node.commands[0]);
    const said = payloadOf(command);
    assert.is(said['id'], id);
    assert.not.match(JSON.stringify(said), /Rossi|Carabinieri|furto/);
    assert.is(parseEnvelope(command, 1e6).signatures.length, 2);

    await world.accept(id);
    const following = world.run('follow', id, '--json');
    await world.put(id, 'manifest.dsse.json', world.manifestOf(id));
    for (const { name, sealed } of world.segments) await world.put(id, name, sealed);
    const followed = await following;
    assert.is(followed.code, 0, followed.err);
    const last = JSON.parse(followed.out.trim().split('\n').at(-1) as string);
    assert.is(last.state, 'complete');
    assert.is(last.delivery.bytesHere, last.delivery.bytes);

    const identity = join(town.hub, 'identities', 'officer.age');
    const opened = await world.run(
      'open',
      id,
      '--identity',
      identity,
      '--with',
      'Anna Bianchi',
      '--once',
      '--json',
    );
    assert.is(opened.code, 0, opened.err);
    const { files, incomplete, folder: ram } = JSON.parse(opened.out);
    assert.is(files.length, 1);
    assert.equal(incomplete, []);
    assert.not(existsSync(ram));
    assert.is((await world.run('verify', caseFolder(world, id))).code, 0);

    const closed = await world.run('close', id, '--json');
    assert.is(closed.code, 0, closed.err);
    assert.is(JSON.parse(closed.out).files, world.segments.length);
    assert.equal(readdirSync(caseFolder(world, id)).sort(), [
      'case.json',
      'command.dsse.json',
      'manifest.dsse.json',
      'verbale-000005.json',
    ]);
    await eventually('the hub has cleared the retained status', () => cleared(world, id));
    assert.equal(await retained(world), []);
    assert.is((await world.run('verify', caseFolder(world, id))).code, 0, 'what is left is authentic');
    assert.is((await world.run('follow', 'latest')).code, 0);
    assert.is((await world.run('open', 'latest', '--identity', identity, '--once')).code, 2);
    const second = await world.request('defence');
    const prepared = await world.run('extract', '--request', 'latest');
    assert.is(prepared.code, 0, prepared.err);
    assert.is((await registerLines(world, '--request', second)).length, 2);

    const lines = await registerLines(world, '--case', id);
    assert.equal(
      lines.map(({ kind }) => kind),
      ['prepared', 'authorised', 'delivered', 'opened', 'minutes', 'closed'],
    );
    assert.equal(lines[3]?.['present'], ['Anna Bianchi']);
    assert.is(lines[3]?.['role'], 'officer');
    assert.is((lines[5]?.['deleted'] as unknown[] | undefined)?.length, world.segments.length);
  }));

test('a delivery is taken as the manifest lists it, and in no other way', () =>
  inTown(async (world) => {
    const id = await world.granted();
    await world.accept(id);
    const [first, second] = world.segments as [SealedSegment, SealedSegment];
    const status = (file: string, bytes: Buffer, command = id) =>
      refusedUpload(world.put(command, file, bytes));

    assert.is(await status(first.name, first.sealed), 412, 'before the manifest');
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const payload = payloadOf(world.manifestOf(id)) as unknown as ManifestPayload;
    assert.is(await status('manifest.dsse.json', world.node.manifest(payload, stranger)), 403, 'forged');
    const other = world.manifestOf(id, { camera: 'cam-2' });
    assert.is(await status('manifest.dsse.json', other), 403, 'of another camera');
    const twice = world.manifestOf(id, { files: [first.listed, first.listed] });
    assert.is(await status('manifest.dsse.json', twice), 400, 'a file twice');
    assert.is(await status('manifest.dsse.json', Buffer.alloc(5 * 1024 * 1024)), 413, 'too large');
    await world.put(id, 'manifest.dsse.json', world.manifestOf(id));

    assert.is(await status('../../../../hub.yaml', first.sealed), 403, 'a path');
    assert.is(await status('case.json', first.sealed), 403, 'a file of the case');
    assert.is(await status(second.name.replace(/.$/, 'x'), first.sealed), 403, 'not listed');
    assert.is(await status(first.name, first.sealed.subarray(1)), 400, 'another size');
    const unknown = '01890a5d-ac96-774b-bcce-b302099a8057';
    assert.is(await status('manifest.dsse.json', world.manifestOf(unknown), unknown), 403, 'no case of ours');
    const flipped = Buffer.from(first.sealed);
    flipped[5000] = (flipped[5000] as number) ^ 1;
    assert.is(await status(first.name, flipped), 460, 'other bytes');
    assert.equal(readdirSync(join(caseFolder(world, id), 'inbox')), []);
    assert.not(existsSync(join(caseFolder(world, id), 'files')));

    for (const { name, sealed } of world.segments) await world.put(id, name, sealed);
    await eventually('the case is complete', async () => (await stateOf(world, id)) === 'complete');
    assert.is(await status(first.name, first.sealed), 0, 'again: nothing to do');
    const get = await fetch(`${world.hub.upload}/${id}/${first.name}`);
    assert.is(get.status, 405, 'nothing can be read back');
    const gone = await fetch(`${world.hub.upload}/${id}/${first.name}`, {
      method: 'DELETE',
      headers: { 'tus-resumable': '1.0.0' },
    });
    assert.is(gone.status, 405, 'nor removed');
  }));

test('an upload goes on where it was cut, over a restart of the hub and without the node’s notes', () =>
  inTown(async (world) => {
    const id = await world.granted();
    await world.accept(id);
    await world.put(id, 'manifest.dsse.json', world.manifestOf(id));
    const { name, sealed } = world.segments[0] as SealedSegment;
    const half = Math.floor(sealed.length / 2);
    const announce = (): Promise<Response> =>
      fetch(world.hub.upload, {
        method: 'POST',
        headers: {
          'tus-resumable': '1.0.0',
          'upload-length': String(sealed.length),
          'upload-metadata': `command ${btoa(id)},file ${btoa(name)}`,
        },
      });
    const send = (path: string, from: number, bytes: Buffer): Promise<Response> =>
      fetch(new URL(path, world.hub.upload), {
        method: 'PATCH',
        headers: {
          'tus-resumable': '1.0.0',
          'upload-offset': String(from),
          'content-type': 'application/offset+octet-stream',
        },
        body: new Uint8Array(bytes),
      });
    const place = (await announce()).headers.get('location') as string;
    assert.is((await send(place, 0, sealed.subarray(0, half))).status, 204);
    await world.hub.close();
    world.hub = await serveHub(world.town.hub);
    assert.is((await announce()).headers.get('location'), place);
    assert.is((await send(place, 0, sealed)).status, 409, 'what is here is not sent twice');
    const head = await fetch(new URL(place, world.hub.upload), {
      method: 'HEAD',
      headers: { 'tus-resumable': '1.0.0' },
    });
    assert.is(head.headers.get('upload-offset'), String(half));
    assert.is((await send(place, half, sealed.subarray(half))).status, 204);
    const { delivery } = await openClient(world.town.hub).get('GET /case', { id });
    assert.is(delivery?.filesHere, 1);
  }));

test('a hub that died with the last byte settles it at the next start', () =>
  inTown(async (world) => {
    const id = await world.granted();
    await world.accept(id);
    await world.put(id, 'manifest.dsse.json', world.manifestOf(id));
    const [first, ...rest] = world.segments as [SealedSegment, ...SealedSegment[]];
    for (const { name, sealed } of rest) await world.put(id, name, sealed);
    await world.hub.close();
    // What a kill between the last byte and the check leaves.
    mkdirSync(join(caseFolder(world, id), 'inbox'), { recursive: true });
    writeFileSync(join(caseFolder(world, id), 'inbox', first.name), first.sealed);
    world.hub = await serveHub(world.town.hub);
    assert.is(await stateOf(world, id), 'complete');
  }));

test('a refusal of the node ends the case, in its own words', () =>
  inTown(async (world) => {
    const id = await world.granted();
    await world.node.show(world.node.log('command-refused', { id }));
    const stranger = generateKeyPairSync('ed25519').privateKey;
    await world.node.status({ id, version: 0, state: 'failed', reason: 'forged', auditSeq: 1 }, stranger);
    await world.node.status({ id, version: 0, state: 'refused', reason: 'outside-retention', auditSeq: 1 });
    const followed = await world.run('follow', id, '--json');
    assert.is(followed.code, 2, followed.err);
    assert.is(
      JSON.parse(followed.out.trim().split('\n').at(-1) as string).status.reason,
      'outside-retention',
    );
    const upload = refusedUpload(world.put(id, 'manifest.dsse.json', world.manifestOf(id)));
    assert.is(await upload, 403);
    assert.is((await world.run('close', id)).code, 0);
  }));

test('a command that found no broker is sent when there is one, and again until it is answered', () =>
  inTown(async (world) => {
    await world.broker.stop();
    await eventually('the hub is alone', async () => {
      return !(await openClient(world.town.hub).get('GET /status')).broker.connected;
    });
    const id = await world.granted();
    assert.is(world.node.commands.length, 0);
    await world.broker.start();
    // A kept session may bring it before the connection is ready to publish.
    await eventually('the command', () => world.node.commands.length > 0 && world.node.bus.connected());
    const before = world.node.commands.length;
    await world.node.state('online');
    await eventually(
      'the command again, to a node that comes back',
      () => world.node.commands.length > before,
    );
    await world.accept(id);
    await eventually('the hub has the answer', async () => {
      return (await openClient(world.town.hub).get('GET /case', { id })).status?.state === 'accepted';
    });
    const answered = world.node.commands.length;
    await world.node.state('online');
    await world.node.show(world.node.log('probe'));
    await world.node.checkpoint(world.node.head());
    await eventually('a later cosignature', () => world.node.cosigned.at(-1)?.head.size === 2);
    assert.is(world.node.commands.length, answered);
  }));

test('what was not asked for is not prepared, and what was rejected is not granted', () =>
  inTown(async (world) => {
    const request = await world.request();
    const refused = async (...args: string[]): Promise<number> =>
      (await world.run('extract', '--request', request, ...args)).code;
    assert.is(await refused('--purpose', 'defence'), 2);
    assert.is(await refused('--purpose', 'staff-discipline'), 2);
    assert.is(await refused('--from', '2026-01-15T09:59:00Z'), 2);
    assert.is(await refused('--to', '2026-01-15T10:01:01Z'), 2);
    assert.is(await refused('--camera', 'cam-9'), 2);
    const prepared = JSON.parse((await world.run('extract', '--request', request)).out) as { id: string };
    assert.is((await world.run('reject', request, '--reason', 'nessuna denuncia')).code, 0);
    assert.is(await refused(), 2);
    assert.is((await world.run('authorise', prepared.id, '--yes')).code, 2);
    assert.is((await world.run('reject', request, '--reason', 'ancora')).code, 2);
    assert.is(world.node.commands.length, 0);
    const { lines } = JSON.parse((await world.run('register', '--json', '--request', request)).out);
    assert.equal(
      lines.map(({ kind }: { kind: string }) => kind),
      ['request', 'prepared', 'rejected'],
    );
  }));

test('a camera that a request names twice is asked for once', () =>
  inTown(async (world) => {
    const made = await world.run(
      ...['request', '--protocol', '78/2026', '--date', '2026-01-16', '--authority', 'Carabinieri di Cogolo'],
      ...['--person', 'Mario Rossi, maresciallo', '--purpose', 'judicial-police', '--reason', 'furto'],
      ...['--node', world.town.node, '--camera', 'cam-1', '--camera', 'cam-1'],
      ...['--from', '2026-01-15T10:00:00Z', '--to', '2026-01-15T10:01:00Z', '--json'],
    );
    assert.is(made.code, 0, made.err);
    const { id } = JSON.parse(made.out) as { id: string };
    assert.is((await world.run('extract', '--request', id)).code, 0);
  }));

test('the hub takes only envelopes that their signers signed', () =>
  inTown(async (world) => {
    const { town } = world;
    const request = await world.request();
    const id = JSON.parse((await world.run('extract', '--request', request)).out).id as string;
    const client = openClient(town.hub);
    const { envelope } = await client.get('GET /case', { id });
    const code = async (work: Promise<unknown>): Promise<string> => {
      try {
        await work;
      } catch (error) {
        return (error as { code: string }).code;
      }
      return 'taken';
    };
    const key = (name: string) => createPrivateKey(readFileSync(join(town.hub, 'keys', `${name}.key`)));
    const sign = (name: string): string => addSignature(parseEnvelope(Buffer.from(envelope), 1e6), key(name));
    const post = (text: string) => code(client.post('authorise', { by: 'x', id, envelope: text }));
    assert.is(await post(envelope), 'missing-signature');
    assert.is(await post(sign('operator')), 'missing-signature');
    assert.is(await post(sign('hub')), 'bad-signature');
    assert.is(await post('{}'), 'malformed');
    assert.is(await code(client.post('prepare', { by: 'x', request, envelope })), 'replayed');
    const wrongKey = await world.run(
      'authorise',
      id,
      '--yes',
      '--key',
      join(town.hub, 'keys', 'operator.key'),
    );
    assert.is(wrongKey.code, 2);
    assert.is(await post(sign('officer')), 'taken');
    assert.is(await post(sign('officer')), 'not-prepared');
  }));

test('a command that nobody answered before it expired has failed, and is sent no more', () =>
  inTown(async (world) => {
    const hourMs = 3_600_000;
    const id = await world.granted();
    await eventually('the command', () => world.node.commands.length > 0);
    await world.hub.close();
    world.hub = await serveHub(world.town.hub, 72 * hourMs);
    assert.is(await stateOf(world, id), 'authorised', 'the skew of two clocks is allowed for');
    await world.hub.close();
    const before = world.node.commands.length;
    world.hub = await serveHub(world.town.hub, 73 * hourMs);
    assert.is((await world.run('follow', id)).code, 1);
    assert.is((await registerLines(world, '--case', id)).at(-1)?.['reason'], 'expired');
    await world.node.state('online');
    await world.node.show(world.node.log('probe'));
    await world.node.checkpoint(world.node.head());
    await eventually('a cosignature', () => world.node.cosigned.at(-1)?.head.size === 1);
    assert.is(world.node.commands.length, before);

    // It had taken it in time, and the link or the stick was slow: what it delivers is not turned away.
    await world.accept(id);
    await eventually('the node is believed', async () => (await stateOf(world, id)) === 'authorised');
    await world.put(id, 'manifest.dsse.json', world.manifestOf(id));
    for (const { name, sealed } of world.segments) await world.put(id, name, sealed);
    await eventually('the case is complete', async () => (await stateOf(world, id)) === 'complete');
    assert.equal(
      (await registerLines(world, '--case', id)).map(({ kind, state }) => `${kind} ${state ?? ''}`.trim()),
      ['prepared', 'authorised', 'answered failed', 'answered accepted', 'delivered'],
    );
  }));
