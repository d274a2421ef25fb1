import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { eventually } from '../support/eventually.ts';
import {
  caseFolder,
  inTown,
  officerIdentity,
  registerLines,
  stateOf,
  type World,
} from '../support/hub-case.ts';
import { serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';

// Art. 9 c. 1 g: at the end of the proceeding the files are deleted. What nobody ends is asked about, or goes.
const test = suite('Art. 9 c. 1 g: cases that nobody ends', { timeoutMs: 120_000 });

const dayMs = 86_400_000;

async function later(world: World, days: number): Promise<void> {
  await world.hub.close();
  world.hub = await serveHub(world.town.hub, days * dayMs);
}

const overdue = async (world: World, id: string) =>
  (await openClient(world.town.hub).get('GET /status')).alerts.some(
    ({ key }) => key === `case-overdue.${id}`,
  );

const open = (world: World, id: string, ...more: string[]) =>
  world.run('open', id, '--identity', officerIdentity(world), '--once', ...more);

test('footage that nobody opened goes after 30 days, with a line', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    await later(world, 29);
    assert.is(await stateOf(world, id), 'complete');
    await later(world, 31);
    await eventually('it is gone', async () => (await stateOf(world, id)) === 'closed');
    assert.not(existsSync(join(caseFolder(world, id), 'files')));
    const line = (await registerLines(world)).find(({ kind }) => kind === 'closed');
    assert.is(line?.['reason'], 'unopened');
    assert.is(line?.['by'], 'hub');
    assert.is(
      (line?.['deleted'] as unknown[] | undefined)?.length,
      world.segments.length,
      'their hashes stay',
    );
  }));

test('a delivery that never came to its end goes after 30 days too, to its last byte', () =>
  inTown(async (world) => {
    const id = await world.granted();
    await world.accept(id);
    await world.put(id, 'manifest.dsse.json', world.manifestOf(id));
    const [first, second] = world.segments;
    await world.put(id, first?.name ?? '', first?.sealed ?? Buffer.alloc(0));
    const client = openClient(world.town.hub);
    const half = second?.sealed.subarray(0, 5000);
    const piece = { id, file: second?.name ?? '', size: second?.sealed.length ?? 0, offset: 0 };
    await client.post('piece', { ...piece, bytes: '' });
    await client.post('piece', { ...piece, bytes: half?.toString('base64') ?? '' });
    const lying = (part: string): string[] => {
      const folder = join(caseFolder(world, id), part);
      return existsSync(folder) ? readdirSync(folder) : [];
    };
    assert.equal([lying('files'), lying('inbox')], [[first?.name], [second?.name]]);
    await later(world, 29);
    assert.is(await stateOf(world, id), 'authorised');
    await later(world, 31);
    await eventually('it is gone', async () => (await stateOf(world, id)) === 'closed');
    assert.equal([lying('files'), lying('inbox')], [[], []]);
    const line = (await registerLines(world)).find(({ kind }) => kind === 'closed');
    assert.equal([line?.['by'], line?.['reason'], line?.['was']], ['hub', 'unopened', 'authorised']);
  }));

test('a case that was opened stays, and is asked about from its day of review on', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    assert.is((await open(world, id)).code, 0);
    await later(world, 89);
    assert.not(await overdue(world, id));
    await later(world, 91);
    await eventually('an alert', () => overdue(world, id));
    assert.is(await stateOf(world, id), 'complete');
    assert.ok(readdirSync(join(caseFolder(world, id), 'files')).length > 0);
    assert.is((await world.run('close', id)).code, 0);
    await later(world, 92);
    await eventually('no alert', async () => !(await overdue(world, id)));
  }));

test('another day can be set, within a year, and stands in the register', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const day = (days: number) => new Date(Date.now() + days * dayMs).toISOString().slice(0, 10);
    assert.is((await open(world, id, '--review', day(-1))).code, 2);
    assert.is((await open(world, id, '--review', day(400))).code, 2);
    assert.is((await open(world, id, '--review', 'soon')).code, 64);
    assert.not((await registerLines(world)).some(({ kind }) => kind === 'opened'));
    assert.is((await open(world, id, '--review', day(10))).code, 0);
    assert.ok((await registerLines(world)).find(({ kind }) => kind === 'opened')?.['review']);
    await later(world, 11);
    await eventually('an alert', () => overdue(world, id));
  }));
