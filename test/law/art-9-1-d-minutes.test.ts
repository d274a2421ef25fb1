import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { inTown, officerIdentity, registerLines } from '../support/hub-case.ts';
import { suite } from '../support/suite.ts';

// Art. 9 c. 1 d and e: minutes are drawn up of every access, and filed.
const test = suite('Art. 9 c. 1 d–e: minutes of every access', { timeoutMs: 180_000 });

test('every opening leaves minutes that can be filed, also when the case is closed', () =>
  inTown(async (world) => {
    const id = await world.delivered('public-safety');
    assert.is((await world.run('minutes', id)).code, 2, 'nothing was opened: there is nothing to file');
    for (const _ of [1, 2])
      assert.is((await world.run('open', id, '--identity', officerIdentity(world), '--once')).code, 0);
    const lines = await registerLines(world);
    const opened = lines.filter(({ kind }) => kind === 'opened').map(({ seq }) => seq);
    const minuted = lines.filter(({ kind }) => kind === 'minutes').map(({ line }) => line);
    assert.equal(minuted, opened);
    assert.is((await world.run('close', id)).code, 0);
    for (const line of opened) {
      const out = join(world.folder, `${line}.pdf`);
      assert.is((await world.run('minutes', id, '--line', `${line}`, '--out', out)).code, 0);
      assert.ok(existsSync(out));
    }
  }));
