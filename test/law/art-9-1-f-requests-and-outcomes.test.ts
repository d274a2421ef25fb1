import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as assert from 'uvu/assert';
import { eventually } from '../support/eventually.ts';
import { inTown, registerLines, stateOf } from '../support/hub-case.ts';
import { suite } from '../support/suite.ts';

// Art. 9 c. 1 a: a written, reasoned request. c. 1 f: requests are noted in the register with their outcome.
const test = suite('Art. 9 c. 1 f: every request and its outcome is in the register', { timeoutMs: 180_000 });

test('granted, rejected and refused by the node: each outcome stands beside its request', () =>
  inTown(async (world) => {
    const granted = await world.delivered();
    assert.is((await world.run('close', granted)).code, 0);
    const rejected = await world.request('defence');
    assert.is((await world.run('reject', rejected, '--reason', 'manca il mandato')).code, 0);
    const refused = await world.granted('public-safety');
    await world.node.show(world.node.log('command-refused', { id: refused }));
    const auditSeq = world.node.lines.length;
    await world.node.status({
      id: refused,
      version: 0,
      state: 'refused',
      reason: 'outside-retention',
      auditSeq,
    });
    await eventually('the refusal is here', async () => (await stateOf(world, refused)) === 'refused');

    const kinds = async (request: string): Promise<unknown[]> =>
      (await registerLines(world, '--request', request)).map(({ kind }) => kind);
    assert.equal(await kinds('2026-0001'.replace('2026', String(new Date().getUTCFullYear()))), [
      'request',
      'prepared',
      'authorised',
      'delivered',
      'closed',
    ]);
    assert.equal(await kinds(rejected), ['request', 'rejected']);
    const lines = await registerLines(world);
    assert.is(lines.find(({ kind }) => kind === 'rejected')?.['reason'], 'manca il mandato');
    assert.is(lines.find(({ kind }) => kind === 'answered')?.['reason'], 'outside-retention');
  }));

test('a request without reason, person, authority or protocol is not entered', () =>
  inTown(async (world) => {
    const whole: Record<string, string> = {
      '--protocol': '1/2026',
      '--date': '2026-01-15',
      '--authority': 'Carabinieri',
      '--person': 'Mario Rossi, maresciallo',
      '--purpose': 'judicial-police',
      '--reason': 'furto',
      '--node': world.town.node,
      '--camera': 'cam-1',
      '--from': '2026-01-15T10:00:00Z',
      '--to': '2026-01-15T10:01:00Z',
    };
    for (const missing of Object.keys(whole)) {
      const args = Object.entries(whole).filter(([option]) => option !== missing);
      assert.is((await world.run('request', ...args.flat())).code, 64, missing);
    }
    for (const [option, value] of [
      ['--purpose', 'staff-discipline'],
      ['--camera', 'cam-9'],
      ['--reason', ' '],
      ['--person', 'Mario Rossi'],
    ] as const)
      assert.not.equal(
        (await world.run('request', ...Object.entries({ ...whole, [option]: value }).flat())).code,
        0,
      );
    assert.equal(await registerLines(world), []);
  }));

test('nobody can take a line back', () =>
  inTown(async (world) => {
    await world.request();
    const database = new DatabaseSync(join(world.town.hub, 'data', 'register.sqlite'));
    assert.throws(() => database.exec('DELETE FROM line'), /never goes/);
    assert.throws(() => database.exec("UPDATE line SET text = ''"), /never changes/);
    database.close();
  }));
