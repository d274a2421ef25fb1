// Two persons at once, and a hub that dies between a line of the register and what the line speaks of.
import { createPrivateKey } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { addSignature, parseEnvelope } from '#protocol/envelope.ts';
import { codeOf } from '#protocol/failure.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { openRegister, type RegisterEntry } from '../../deploy/hub/register/register.ts';
import { eventually } from '../support/eventually.ts';
import { caseFolder, inShortTown, registerLines, stateOf, type World } from '../support/hub-case.ts';
import { serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';

const test = suite('the hub, two at once and cut in between', { timeoutMs: 120_000 });

/** Prepared by the operator; its id, and the envelope with the officer's signature as well. */
async function prepared(world: World): Promise<{ request: string; id: string; envelope: string }> {
  const request = await world.request();
  const made = await world.run('extract', '--request', request);
  assert.is(made.code, 0, made.err);
  const { id } = JSON.parse(made.out) as { id: string };
  const officer = createPrivateKey(readFileSync(join(world.town.hub, 'keys', 'officer.key')));
  const { envelope } = await openClient(world.town.hub).get('GET /case', { id });
  return { request, id, envelope: addSignature(parseEnvelope(Buffer.from(envelope), 1e6), officer) };
}

const kindsOf = async (world: World, ...about: string[]): Promise<unknown[]> =>
  (await registerLines(world, ...about)).map(({ kind }) => kind);

/** Codes of what was refused. */
async function refusals(work: Promise<unknown>[]): Promise<(string | undefined)[]> {
  const all = await Promise.allSettled(work);
  return all.flatMap((one) => (one.status === 'rejected' ? [codeOf(one.reason)] : []));
}

/** The hub dies after it wrote these lines, and before anything else. */
async function diesAfter(world: World, entries: RegisterEntry[], change = (): void => {}): Promise<void> {
  await world.hub.close();
  const register = openRegister(join(world.town.hub, 'data', 'register.sqlite'), Date.now);
  for (const entry of entries) register.append(entry);
  register.close();
  change();
  world.hub = await serveHub(world.town.hub);
}

test('two who close one case at once: closed once, and the hub goes on', () =>
  inShortTown(async (world) => {
    const id = await world.delivered();
    const client = openClient(world.town.hub);
    const close = (by: string) => client.post('close', { by, id });
    const erased = await Promise.all([close('anna'), close('bruno'), close('carla')]);
    assert.is(
      erased.reduce((sum, { files }) => sum + files, 0),
      world.segments.length,
    );
    assert.is((await kindsOf(world, '--case', id)).filter((kind) => kind === 'closed').length, 1);
    assert.is(await stateOf(world, id), 'closed');
  }));

test('two who authorise at once: signed once', () =>
  inShortTown(async (world) => {
    const { id, envelope } = await prepared(world);
    const client = openClient(world.town.hub);
    const authorise = (by: string) => client.post('authorise', { by, id, envelope });
    assert.equal(await refusals([authorise('bruno'), authorise('bruno')]), ['not-prepared']);
    assert.equal(await kindsOf(world, '--case', id), ['prepared', 'authorised']);
  }));

test('a request is granted or rejected, never both, whoever comes first', () =>
  inShortTown(async (world) => {
    for (const first of ['authorise', 'reject'] as const) {
      const { request, id, envelope } = await prepared(world);
      const client = openClient(world.town.hub);
      const both = {
        authorise: () => client.post('authorise', { by: 'bruno', id, envelope }),
        reject: () => client.post('reject', { by: 'anna', request, reason: 'infondata' }),
      };
      const second = first === 'authorise' ? 'reject' : 'authorise';
      assert.is((await refusals([both[first](), both[second]()])).length, 1);
      const outcomes = (await kindsOf(world, '--request', request)).filter(
        (kind) => kind === 'authorised' || kind === 'rejected',
      );
      assert.is(outcomes.length, 1, outcomes.join());
    }
  }));

test('a request whose command nobody signed in time can still be rejected; a granted one cannot', () =>
  inShortTown(async (world) => {
    const { request, id } = await prepared(world);
    await world.granted();
    await world.hub.close();
    world.hub = await serveHub(world.town.hub, 73 * 3_600_000);
    await eventually('it has lapsed', async () => (await stateOf(world, id)) === 'failed');
    const rejected = await world.run('reject', request, '--reason', 'infondata');
    assert.is(rejected.code, 0, rejected.err);
    const granted = (await registerLines(world)).find((line) => line['kind'] === 'authorised');
    assert.is((await world.run('reject', String(granted?.['request']), '--reason', 'x')).code, 2);
  }));

test('dead behind the line of the closing: the next start deletes, and nobody opens any more', () =>
  inShortTown(async (world) => {
    const id = await world.delivered();
    await diesAfter(world, [{ kind: 'closed', case: id, by: 'anna', was: 'complete', deleted: [] }]);
    assert.is(await stateOf(world, id), 'closed');
    assert.not(existsSync(join(caseFolder(world, id), 'files')));
    assert.is((await kindsOf(world, '--case', id)).filter((kind) => kind === 'closed').length, 1);
  }));

test('dead behind the line of the authorisation: the command goes out at the next start', () =>
  inShortTown(async (world) => {
    const { request, id, envelope } = await prepared(world);
    const line = { kind: 'authorised', request, case: id, by: 'bruno' } as const;
    await diesAfter(world, [line], () =>
      writeFileSync(join(caseFolder(world, id), 'command.dsse.json'), envelope),
    );
    assert.is(await stateOf(world, id), 'authorised');
    const sent = await eventually('the command', () => world.node.commands[0]);
    assert.is(sent.toString(), envelope);
    assert.is((await world.run('reject', request, '--reason', 'x')).code, 2);
  }));

test('dead behind the line of the preparation: the case is there, and ends like any other', () =>
  inShortTown(async (world) => {
    const { request, id, envelope } = await prepared(world);
    const before = await openClient(world.town.hub).get('GET /case', { id });
    await diesAfter(world, [], () => rmSync(join(caseFolder(world, id), 'case.json')));
    const { revision: _, ...now } = await openClient(world.town.hub).get('GET /case', { id });
    assert.equal(now, { ...now, state: 'prepared', request, review: before.review });
    await openClient(world.town.hub).post('authorise', { by: 'bruno', id, envelope });
    assert.equal(await kindsOf(world, '--case', id), ['prepared', 'authorised']);
  }));

test('one stick read by two at once arrives whole; closed meanwhile, nothing of it stays', () =>
  inShortTown(async (world) => {
    const client = openClient(world.town.hub);
    const pieces = async (id: string, file: string, bytes: Buffer): Promise<void> => {
      for (let offset = 0; ; ) {
        const piece = bytes.subarray(offset, offset + 20_000).toString('base64');
        const sent = offset === 0 ? '' : piece;
        const answer = await client.post('piece', { id, file, size: bytes.length, offset, bytes: sent });
        if (answer.offset >= bytes.length) return;
        if (offset === 0 && answer.offset === 0) {
          const first = await client.post('piece', { id, file, size: bytes.length, offset, bytes: piece });
          offset = first.offset;
        } else offset = answer.offset;
      }
    };
    const both = async (id: string): Promise<void> => {
      for (const { name, sealed } of world.segments)
        await Promise.all([pieces(id, name, sealed), pieces(id, name, sealed)]);
    };
    const id = await world.granted();
    await world.accept(id);
    await pieces(id, 'manifest.dsse.json', world.manifestOf(id));
    await both(id);
    assert.is(await stateOf(world, id), 'complete');
    assert.is((await world.run('verify', caseFolder(world, id))).code, 0);

    const other = await world.granted();
    await world.accept(other);
    await pieces(other, 'manifest.dsse.json', world.manifestOf(other));
    // A node that said too early that it was done: the case may be closed while pieces still come.
    await world.node.status({ id: other, version: 2, state: 'done', auditSeq: world.node.lines.length });
    await eventually('done', async () => {
      return (await client.get('GET /case', { id: other })).status?.state === 'done';
    });
    const codes = await refusals([both(other), client.post('close', { by: 'anna', id: other })]);
    assert.ok(
      codes.every((code) => code === 'not-expected'),
      codes.join(),
    );
    assert.is(await stateOf(world, other), 'closed');
    assert.not(readdirSync(caseFolder(world, other)).some((name) => name === 'files' || name === 'inbox'));
  }));
