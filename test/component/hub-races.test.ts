// Two persons at once, and a hub that dies between a line of the register and what the line speaks of.
import { createPrivateKey, randomUUIDv7 } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { CommandPayload } from '#protocol/command.ts';
import { payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { codeOf } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { instantText } from '#protocol/time.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { openRegister, type RegisterEntry } from '../../deploy/hub/register/register.ts';
import { eventually } from '../support/eventually.ts';
import { caseFolder, inShortTown, start, stateOf, type World } from '../support/hub-case.ts';
import { requestRecord, serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';

const test = suite('the hub, two at once and cut in between', { timeoutMs: 60_000 });

const clientOf = ({ town }: World) => openClient(town.hub);

/** A request with a command that the operator signed for it, and that command with the officer's signature too. */
async function prepared(world: World): Promise<{ request: string; id: string; signed: string }> {
  const client = clientOf(world);
  const keyOf = (who: string) => createPrivateKey(readFileSync(join(world.town.hub, 'keys', `${who}.key`)));
  const [operator, officer] = [keyOf('operator'), keyOf('officer')];
  const end = world.segments.at(-1);
  const window = {
    camera: 'cam-1',
    from: instantText(start),
    to: instantText((end?.start ?? 0) + (end?.durationMs ?? 0)),
  };
  const record = requestRecord({ node: world.town.node, ...window });
  const { id: request, recordHash } = await client.post('request', { by: 'anna', record });
  const command: CommandPayload = {
    id: randomUUIDv7(),
    type: 'extract',
    node: world.town.node,
    issuedAt: instantText(Date.now()),
    expiresAt: instantText(Date.now() + 72 * 3_600_000),
    policyVersion: 1,
    operator: publicKeyOf(operator).id,
    officer: publicKeyOf(officer).id,
    ...window,
    purpose: record.purpose,
    request: { protocol: record.protocol, date: record.date, recordHash },
  };
  const [envelope, signed] = [[operator], [operator, officer]].map((keys) =>
    signEnvelope(payloadTypes.command, Buffer.from(JSON.stringify(command)), keys),
  ) as [string, string];
  const { id } = await client.post('prepare', { by: 'anna', request, envelope });
  return { request, id, signed };
}

async function granted(world: World): Promise<string> {
  const { id, signed } = await prepared(world);
  await clientOf(world).post('authorise', { by: 'bruno', id, envelope: signed });
  await world.accept(id);
  return id;
}

async function delivered(world: World): Promise<string> {
  const id = await granted(world);
  await world.put(id, 'manifest.dsse.json', world.manifestOf(id));
  for (const { name, sealed } of world.segments) await world.put(id, name, sealed);
  await eventually('the case is complete', async () => (await stateOf(world, id)) === 'complete');
  return id;
}

async function kindsOf(world: World, about: string): Promise<string[]> {
  const { lines } = await clientOf(world).get('GET /register');
  return lines.filter((line) => line.case === about || line.request === about).map(({ kind }) => kind);
}

/** Codes of what was refused. */
async function refusals(work: Promise<unknown>[]): Promise<(string | undefined)[]> {
  const all = await Promise.allSettled(work);
  return all.flatMap((one) => (one.status === 'rejected' ? [codeOf(one.reason)] : []));
}

/** The hub dies after it wrote these lines, and before anything else. */
async function diesAfter(world: World, entries: RegisterEntry[], change: () => void): Promise<void> {
  await world.hub.close();
  const register = openRegister(join(world.town.hub, 'data', 'register.sqlite'), Date.now);
  for (const entry of entries) register.append(entry);
  register.close();
  change();
  world.hub = await serveHub(world.town.hub);
}

test('who acts at once: closed once, signed once, granted or rejected and never both', () =>
  inShortTown(async (world) => {
    const client = clientOf(world);
    const id = await delivered(world);
    const close = (by: string) => client.post('close', { by, id });
    const erased = await Promise.all([close('anna'), close('bruno'), close('carla')]);
    assert.is(
      erased.reduce((sum, { files }) => sum + files, 0),
      world.segments.length,
    );
    assert.is((await kindsOf(world, id)).filter((kind) => kind === 'closed').length, 1);
    assert.is(await stateOf(world, id), 'closed');

    const twice = await prepared(world);
    const authorise = (one: typeof twice) =>
      client.post('authorise', { by: 'bruno', id: one.id, envelope: one.signed });
    assert.equal(await refusals([authorise(twice), authorise(twice)]), ['not-prepared']);
    assert.equal(await kindsOf(world, twice.id), ['prepared', 'authorised']);

    for (const first of ['authorise', 'reject'] as const) {
      const one = await prepared(world);
      const reject = () => client.post('reject', { by: 'anna', request: one.request, reason: 'infondata' });
      const both = first === 'authorise' ? [authorise(one), reject()] : [reject(), authorise(one)];
      assert.is((await refusals(both)).length, 1, `${first} first`);
      const outcomes = (await kindsOf(world, one.request)).filter(
        (kind) => kind === 'authorised' || kind === 'rejected',
      );
      assert.is(outcomes.length, 1, outcomes.join());
    }
  }));

test('dead behind a line: the next start finds prepared, authorised and closed what was noted so', () =>
  inShortTown(async (world) => {
    const closing = await delivered(world);
    const signed = await prepared(world);
    const fresh = await prepared(world);
    const before = await clientOf(world).get('GET /case', { id: fresh.id });
    world.node.commands.length = 0;
    await diesAfter(
      world,
      [
        { kind: 'closed', case: closing, by: 'anna', was: 'complete', deleted: [] },
        { kind: 'authorised', request: signed.request, case: signed.id, by: 'bruno' },
      ],
      () => {
        writeFileSync(join(caseFolder(world, signed.id), 'command.dsse.json'), signed.signed);
        rmSync(join(caseFolder(world, fresh.id), 'case.json'));
      },
    );
    assert.is(await stateOf(world, closing), 'closed');
    assert.not(existsSync(join(caseFolder(world, closing), 'files')));
    assert.is((await kindsOf(world, closing)).filter((kind) => kind === 'closed').length, 1);

    assert.is(await stateOf(world, signed.id), 'authorised');
    const sent = await eventually('the command', () => world.node.commands[0]);
    assert.is(sent.toString(), signed.signed);
    const client = clientOf(world);
    const reject = ({ request }: { request: string }) =>
      client.post('reject', { by: 'anna', request, reason: 'infondata' });
    assert.equal(await refusals([reject(signed)]), ['under-way']);

    const now = await client.get('GET /case', { id: fresh.id });
    assert.equal({ ...now, revision: before.revision }, before);
    // Nobody signs it: it lapses, and its request was never granted.
    await world.hub.close();
    world.hub = await serveHub(world.town.hub, 73 * 3_600_000);
    await eventually('it has lapsed', async () => (await stateOf(world, fresh.id)) === 'failed');
    assert.equal(await refusals([reject(fresh)]), []);
    assert.equal(await kindsOf(world, fresh.request), ['request', 'prepared', 'answered', 'rejected']);
  }));

test('one stick read by two at once arrives whole; closed meanwhile, nothing of it stays', () =>
  inShortTown(async (world) => {
    const client = clientOf(world);
    const pieceBytes = 20_000;
    async function pieces(id: string, file: string, bytes: Buffer): Promise<void> {
      const send = async (offset: number, piece: Buffer): Promise<number> => {
        const encoded = piece.toString('base64');
        return (await client.post('piece', { id, file, size: bytes.length, offset, bytes: encoded })).offset;
      };
      for (let here = await send(0, Buffer.alloc(0)); here < bytes.length; )
        here = await send(here, bytes.subarray(here, here + pieceBytes));
    }
    const both = async (id: string): Promise<void> => {
      for (const { name, sealed } of world.segments)
        await Promise.all([pieces(id, name, sealed), pieces(id, name, sealed)]);
    };
    const id = await granted(world);
    await pieces(id, 'manifest.dsse.json', world.manifestOf(id));
    await both(id);
    assert.is(await stateOf(world, id), 'complete');
    assert.is((await world.run('verify', caseFolder(world, id))).code, 0);

    const other = await granted(world);
    await pieces(other, 'manifest.dsse.json', world.manifestOf(other));
    // A node that says too early that it is done: the case may be closed while pieces still come.
    await world.node.status({ id: other, version: 2, state: 'done', auditSeq: world.node.lines.length });
    await eventually('the hub has heard it', async () => {
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
