import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { verifyMinutes } from '../../deploy/hub/minutes/minutes.ts';
import { readTrusted } from '../../deploy/hub/trust.ts';
import { inTown, officerIdentity, registerLines } from '../support/hub-case.ts';
import { suite } from '../support/suite.ts';

// Art. 9, last paragraph: what the controller extracts for purposes of its own has its minutes and its register too.
const test = suite('Art. 9, last paragraph: the controller’s own purposes', { timeoutMs: 180_000 });

test('nobody extracts without a request, minutes and lines, the controller neither', () =>
  inTown(async (world) => {
    const without = ['extract', '--node', world.town.node, '--camera', 'cam-1', '--purpose', 'controller'];
    const times = ['--from', '2026-01-15T10:00:00Z', '--to', '2026-01-15T10:00:10Z'];
    assert.is.not((await world.run(...without, ...times)).code, 0, 'without a request');
    const id = await world.delivered('controller');
    assert.is((await world.run('open', id, '--identity', officerIdentity(world), '--once')).code, 0);
    const out = join(world.folder, 'verbale.json');
    const { writeFileSync } = await import('node:fs');
    const shown = await world.run('minutes', id, '--json');
    assert.is(shown.code, 0, shown.err);
    writeFileSync(out, shown.out.trim());
    const minutes = verifyMinutes(readFileSync(out), [readTrusted(world.town.hub).policy.hub.key]);
    assert.is(minutes.record.purpose, 'controller');
    const kinds = (await registerLines(world, '--purpose', 'controller')).map(({ kind }) => kind);
    for (const kind of ['request', 'prepared', 'authorised', 'delivered', 'opened', 'minutes'])
      assert.ok(kinds.includes(kind), `${kind} in ${kinds.join(' ')}`);
  }));
