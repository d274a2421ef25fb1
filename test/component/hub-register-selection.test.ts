import * as assert from 'uvu/assert';
import { csvOf } from '../../deploy/hub/register/csv.ts';
import { inTown, officerIdentity, registerLines, type World } from '../support/hub-case.ts';
import { suite } from '../support/suite.ts';

const test = suite('choosing lines of the register', { timeoutMs: 120_000 });

/** RFC 4180, quoted cells only. */
function readCsv(text: string): string[][] {
  return text
    .split('\r\n')
    .filter((row) => row !== '')
    .map((row) =>
      [...row.matchAll(/"((?:[^"]|"")*)"/g)].map((match) => (match[1] ?? '').replaceAll('""', '"')),
    );
}

const kinds = async (world: World, ...args: string[]) =>
  (await registerLines(world, ...args)).map(({ kind }) => kind);

test('by case, camera, purpose and date, as table, JSON and CSV', () =>
  inTown(async (world) => {
    const id = await world.granted();
    const other = await world.request('data-subject');
    assert.equal(await kinds(world), ['request', 'prepared', 'authorised', 'request']);
    assert.equal(await kinds(world, '--case', id), ['prepared', 'authorised']);
    assert.equal(await kinds(world, '--purpose', 'data-subject'), ['request']);
    assert.equal(await kinds(world, '--purpose', 'defence'), []);
    const camera = `${world.town.node}/cam-1`;
    assert.is((await kinds(world, '--camera', camera)).length, 4);
    assert.is((await kinds(world, '--camera', world.town.node)).length, 4);
    assert.equal(await kinds(world, '--camera', `${world.town.node}/cam-10`), []);
    assert.equal(await kinds(world, '--camera', world.town.node.slice(0, -1)), []);
    const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
    assert.is((await kinds(world, '--from', day(-1))).length, 4);
    assert.equal(await kinds(world, '--to', day(-1)), []);
    assert.is((await world.run('register', '--purpose', 'staff-discipline')).code, 64);

    const csv = await world.run('register', '--csv', '--request', other);
    assert.is(csv.code, 0, csv.err);
    const [head, row, ...more] = readCsv(csv.out);
    assert.equal(more, []);
    assert.is(row?.length, head?.length);
    assert.ok(row?.includes(other) && row.some((cell) => cell.includes(`(${camera})`)));
  }));

test('a cell of a stranger is no formula, and quotes stay quotes', () => {
  assert.is(csvOf([['=cmd()', 'a "b", c\r\nd', '']]), '"\'=cmd()","a ""b"", c\r\nd",""\r\n');
  for (const first of ['+', '-', '@', '\t', '\r']) assert.ok(csvOf([[`${first}x`]]).startsWith(`"'${first}`));
});

test('signs of an offence are entered against a case that somebody saw', () =>
  inTown(async (world) => {
    const id = await world.delivered('public-safety');
    const report = () => world.run('report', id, '--text', 'danneggiamento alle 11:00:02');
    assert.is((await report()).code, 2, 'nobody has seen it');
    assert.is((await world.run('open', id, '--identity', officerIdentity(world), '--once')).code, 0);
    assert.is((await report()).code, 0);
    assert.is((await world.run('report', id, '--text', ' ')).code, 64);
    const line = (await registerLines(world, '--case', id)).at(-1);
    assert.is(line?.['kind'], 'reported');
    assert.is(line?.['text'], 'danneggiamento alle 11:00:02');
    assert.is(line?.['to'], 'Polizia locale');
  }));
