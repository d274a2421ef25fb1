import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { systemRandom } from '#agent/platform/random.ts';
import { parseEnvelope, sha256 } from '#protocol/envelope.ts';
import { recipientsFor } from '#protocol/policy.ts';
import { openSealer, parseRecipients, prepareSeal } from '#protocol/seal/seal.ts';
import { snapshotName } from '#protocol/segment-name.ts';
import { instantText } from '#protocol/time.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { makeSigningKey } from '../../deploy/hub/setup/keys.ts';
import { readTrusted } from '../../deploy/hub/trust.ts';
import { eventually } from '../support/eventually.ts';
import {
  caseFolder,
  inTown,
  officerIdentity,
  refusedUpload,
  registerLines,
  stateOf,
  type World,
} from '../support/hub-case.ts';
import { payloadOf, serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';

const test = suite('holds, releases, pictures for maintenance and probes at the hub', { timeoutMs: 120_000 });

const days = (count: number): string => instantText(Date.now() + count * 86_400_000);

async function order(world: World, ...args: string[]): Promise<string> {
  const made = await world.run(...args);
  assert.is(made.code, 0, made.err);
  return (JSON.parse(made.out) as { id: string }).id;
}

async function refusedOrder(world: World, ...args: string[]): Promise<{ code: number; err: string }> {
  const { code, err } = await world.run(...args);
  return { code, err };
}

/** The node has done it. */
async function doneBy(world: World, id: string, facts: object = {}): Promise<void> {
  const seq = world.node.lines.length + 1;
  await world.node.show(world.node.log('command-done', { id }));
  await world.node.status({ id, version: 2, state: 'done', auditSeq: seq, ...facts });
}

const cleared = (world: World, id: string): boolean =>
  JSON.parse(readFileSync(join(caseFolder(world, id), 'case.json'), 'utf8')).cleared === true;

const commandOf = (world: World, id: string): Promise<Buffer> =>
  eventually('the command', () => world.node.commands.find((one) => payloadOf(one)['id'] === id));

test('a hold for a request, signed by two; its release by two; each in the register, nothing to close', () =>
  inTown(async (world) => {
    const request = await world.request();
    const until = days(30);
    const id = await order(world, 'hold', '--request', request, '--until', until);
    assert.is(await stateOf(world, id), 'prepared');
    assert.is(world.node.commands.length, 0, 'not by one signature');
    const shown = await world.run('authorise', id, '--yes');
    assert.is(shown.code, 0, shown.err);
    assert.match(shown.err, /Carabinieri/);
    assert.match(shown.err, new RegExp(until.slice(0, 10)));
    const said = payloadOf(await commandOf(world, id));
    assert.equal([said['type'], said['until'], said['camera']], ['hold', until, 'cam-1']);
    assert.not.match(JSON.stringify(said), /Carabinieri|Rossi|furto/);

    // Nothing to release yet: the node has not said that it keeps anything.
    assert.match((await refusedOrder(world, 'release', id)).err, /unknown|knows no hold/);
    const following = world.run('follow', id, '--json');
    await doneBy(world, id, { segments: 2, bytes: 5000 });
    const followed = await following;
    assert.is(followed.code, 0, followed.err);
    assert.is(await stateOf(world, id), 'executed');
    await eventually('the status goes from the broker', () => cleared(world, id));

    const release = await order(world, 'release', id);
    const ending = await world.run('authorise', release, '--yes');
    assert.is(ending.code, 0, ending.err);
    for (const fact of [id, until.slice(0, 10), '2026-01-15', 'cam-1', request, 'Carabinieri', 'furto'])
      assert.ok(ending.err.includes(fact), `what is let go: ${fact}`);
    const told = payloadOf(await commandOf(world, release));
    assert.equal([told['type'], told['hold']], ['release', id]);
    await doneBy(world, release);
    await eventually('done', async () => (await stateOf(world, release)) === 'executed');

    const lines = await registerLines(world, '--request', request);
    assert.equal(
      lines.map(({ kind, type }) => [kind, type]),
      [
        ['request', undefined],
        ['prepared', 'hold'],
        ['authorised', undefined],
        ['answered', undefined],
        ['prepared', 'release'],
        ['authorised', undefined],
        ['answered', undefined],
      ],
    );
    const read = await world.run('register', '--request', request);
    assert.match(read.out, /preparata: conservazione/);
    assert.match(read.out, /preparata: revoca/);
    assert.is(lines[1]?.['until'], until);
    assert.equal([lines[3]?.['state'], lines[3]?.['auditSeq']], ['done', 1]);
    const closed = await refusedOrder(world, 'close', id);
    assert.is(closed.code, 2);
    assert.match(closed.err, 'nothing of it lies here');
    const opened = await refusedOrder(world, 'open', id, '--identity', officerIdentity(world), '--once');
    assert.is(opened.code, 2);
    const status = await refusedUpload(world.put(id, 'manifest.dsse.json', world.manifestOf(id)));
    assert.is(status, 403, 'a hold delivers nothing');
  }));

test('a hold that the request, the policy or the day does not carry is refused before it is signed by two', () =>
  inTown(async (world) => {
    const request = await world.request();
    const refused = async (why: RegExp, ...args: string[]): Promise<void> => {
      const { code, err } = await refusedOrder(world, 'hold', '--request', request, ...args);
      assert.is(code, 2, err);
      assert.match(err, why);
    };
    await refused(/not ask/, '--until', days(5), '--to', '2026-01-15T10:30:00Z');
    await refused(/not for/, '--until', days(5), '--purpose', 'defence');
    await refused(/within 180 days/, '--until', days(181));
    await refused(/within 180 days/, '--until', '2026-01-16');
    const other = await world.request('defence');
    const { code, err } = await refusedOrder(world, 'hold', '--request', other, '--until', days(5));
    assert.is(code, 2);
    assert.match(err, /no hold for defence/);
    assert.is((await world.run('reject', request, '--reason', 'non motivata')).code, 0);
    await refused(/rejected/, '--until', days(5));
    assert.is((await world.run('hold', '--request', request)).code, 64, 'an end is needed');
    const kinds = (await registerLines(world)).map(({ kind }) => kind);
    assert.equal(kinds, ['request', 'request', 'rejected'], 'nothing was prepared');
  }));

test('a probe goes out with the operator’s signature alone, and stands in no register', () =>
  inTown(async (world) => {
    const id = await order(world, 'probe', world.town.node);
    const command = await commandOf(world, id);
    assert.is(parseEnvelope(command, 1e6).signatures.length, 1);
    assert.is((await refusedOrder(world, 'probe', 'site-99')).code, 2);
    await doneBy(world, id);
    const followed = await world.run('follow', id);
    assert.is(followed.code, 0, followed.err);
    assert.equal(await registerLines(world), []);
    await eventually('the status goes from the broker', () => cleared(world, id));
  }));

test('where the policy asks for two officers, one more signs beside those named; none counts twice', () =>
  inTown(async (world) => {
    const root = ['--root-key', join(world.town.hub, 'keys', 'root.key')];
    const second = makeSigningKey(undefined);
    const key = join(world.folder, 'officer2.key');
    writeFileSync(key, second.privatePem);
    writeFileSync(`${key}.pub`, second.publicPem);
    const person = ['add-person', '--name', 'Carla', '--role', 'officer', '--key', `${key}.pub`];
    for (const [index, change] of [person, ['set', '--threshold', 'extract:officer=2']].entries()) {
      const file = join(world.folder, `p${index + 2}`);
      const made = await world.run('policy', ...change, ...root, '--save', file);
      assert.is(made.code, 0, made.err);
      assert.is((await world.run('policy', 'publish', file)).code, 0);
    }
    const request = await world.request();
    const id = await order(world, 'extract', '--request', request, '--officer', 'Bruno Responsabile');
    const sign = (...args: string[]) => world.run('authorise', id, '--yes', '--json', ...args);
    const first = await sign('--key', key);
    assert.equal(JSON.parse(first.out), { id, state: 'prepared' }, first.err);
    assert.is((await sign('--key', key)).code, 2, 'the same once more');
    assert.is(world.node.commands.length, 0);
    const last = await sign();
    assert.equal(JSON.parse(last.out), { id, state: 'authorised' }, last.err);
    assert.is(parseEnvelope(await commandOf(world, id), 1e6).signatures.length, 3);
    assert.equal(
      (await registerLines(world, '--case', id)).map(({ kind }) => kind),
      ['prepared', 'signed', 'authorised'],
    );
  }));

test('a node that was restarted says its statuses again: those of cases that are over go once more', () =>
  inTown(async (world) => {
    const id = await order(world, 'probe', world.town.node);
    await commandOf(world, id);
    const said: string[] = [];
    world.node.bus.subscribe(`peio/v1/${world.town.node}/command/+/status`, async ({ payload }) => {
      said.push(payload.toString());
    });
    await doneBy(world, id);
    await eventually('cleared', () => said.length >= 2 && said.at(-1) === '');
    for (const restart of ['the node', 'the hub and the node']) {
      if (restart.startsWith('the hub')) {
        await world.hub.close();
        world.hub = await serveHub(world.town.hub);
        await eventually('the hub is connected', async () => {
          return (await openClient(world.town.hub).get('GET /status')).broker.connected;
        });
      }
      said.length = 0;
      // The same status, version and all, as the journal has it.
      await world.node.status({ id, version: 2, state: 'done', auditSeq: 1 });
      await eventually(`cleared again after a restart of ${restart}`, () => said.at(-1) === '');
    }
  }));

test('one picture for maintenance: names stay here, two sign, it is looked at by those named, and goes', () =>
  inTown(async (world) => {
    const { town, node } = world;
    const camera = ['--node', town.node, '--camera', 'cam-1'];
    const who = ['--person', 'Luca Verdi, manutentore', '--reason', 'obiettivo coperto da ragnatele'];
    assert.is((await world.run('snapshot', ...camera, '--reason', 'x')).code, 64, 'for somebody');
    assert.is((await world.run('snapshot', '--node', town.node, '--camera', 'cam-9', ...who)).code, 2);
    const id = await order(world, 'snapshot', ...camera, ...who);
    assert.is(node.commands.length, 0, 'not by one signature');
    const shown = await world.run('authorise', id, '--yes');
    assert.is(shown.code, 0, shown.err);
    assert.match(shown.err, /Luca Verdi/);
    assert.match(shown.err, /ragnatele/);
    const said = payloadOf(await commandOf(world, id));
    assert.not.match(JSON.stringify(said), /Verdi|ragnatele|manutentore/);
    const [prepared] = await registerLines(world, '--case', id);
    const full = prepared?.['attending'] as string;
    assert.is(sha256(full), said['attending'], 'the register has what the fingerprint is of');
    assert.match(full, /Luca Verdi/);
    assert.is.not(sha256(JSON.stringify(JSON.parse(full).record)), said['attending'], 'salted');

    await world.accept(id);
    const jpeg = Buffer.concat([
      Buffer.from([0xff, 0xd8]),
      Buffer.alloc(90_000, 7),
      Buffer.from([0xff, 0xd9]),
    ]);
    const at = Date.now();
    const prepare = await prepareSeal(
      parseRecipients(recipientsFor(readTrusted(town.hub).policy, town.node, at)),
      systemRandom,
    );
    const sealer = openSealer(prepare);
    const sealed = Buffer.concat([prepare.head, ...sealer.update(jpeg), ...sealer.final()]);
    const name = snapshotName(at);
    const window = { from: instantText(at), to: instantText(at + 1) };
    const file = { name, start: window.from, end: window.to, bytes: sealed.length, sha256: sha256(sealed) };
    const listed = { ...file, clock: 'synced' as const, torn: false };
    const [first] = world.segments;
    assert.is(
      await refusedUpload(
        world.put(id, 'manifest.dsse.json', world.manifestOf(id, { files: [first!.listed] })),
      ),
      403,
      'a film is no picture',
    );
    const twoCameras = world.manifestOf(id, { ...window, files: [listed], camera: 'cam-2' });
    assert.is(await refusedUpload(world.put(id, 'manifest.dsse.json', twoCameras)), 403);
    await world.put(id, 'manifest.dsse.json', world.manifestOf(id, { ...window, files: [listed] }));
    await world.put(id, name, sealed);
    await eventually('complete', async () => (await stateOf(world, id)) === 'complete');
    assert.is((await world.run('verify', caseFolder(world, id))).code, 0);

    const open = (...args: string[]) =>
      world.run('open', id, '--identity', officerIdentity(world), '--once', '--json', ...args);
    assert.is((await open()).code, 64, 'with nobody');
    const curious = await open('--with', 'Gino Curioso');
    assert.is(curious.code, 2);
    assert.match(curious.err, /not among those/);
    assert.is((await open('--with', 'Luca Verdi', '--pack', join(world.folder, 'x.zip'), '--zip')).code, 64);
    assert.not.ok(existsSync(join(world.folder, 'x.zip')));
    assert.equal(
      (await registerLines(world, '--case', id)).map(({ kind }) => kind),
      ['prepared', 'authorised', 'delivered'],
      'nobody has seen it',
    );
    const opened = await open('--with', 'Luca Verdi');
    assert.is(opened.code, 0, opened.err);
    const { picture } = JSON.parse(opened.out) as { picture: string };
    assert.match(picture, /^\/dev\/shm\/.*\.jpg$/);
    assert.not.ok(existsSync(picture), 'gone with the command');
    const [line] = (await registerLines(world, '--case', id)).slice(-1);
    assert.equal([line?.['kind'], line?.['present'], line?.['role']], ['opened', ['Luca Verdi'], 'officer']);

    assert.is((await world.run('close', id)).code, 0);
    assert.equal(readdirSync(caseFolder(world, id)).sort(), [
      'case.json',
      'command.dsse.json',
      'manifest.dsse.json',
    ]);
    assert.is((await registerLines(world, '--purpose', 'maintenance')).length, 5);
  }));
