import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { inTown, officerIdentity, registerLines } from '../support/hub-case.ts';
import { suite } from '../support/suite.ts';

// Art. 9 c. 1 c: for access to records and for data subjects no whole film, unless third parties are obscured.
const test = suite('Art. 9 c. 1 c: no plain film for access to records or data subjects', {
  timeoutMs: 60_000,
});

for (const purpose of ['records-access', 'data-subject'])
  test(`${purpose}: neither shown nor copied`, () =>
    inTown(async (world) => {
      const id = await world.delivered(purpose);
      const copy = join(world.folder, 'copy.zip');
      const open = (...args: string[]) =>
        world.run('open', id, '--identity', officerIdentity(world), ...args);
      assert.is((await open('--once')).code, 2);
      assert.is((await open('--pack', copy, '--zip')).code, 2);
      assert.not(existsSync(copy));
      assert.not((await registerLines(world)).some(({ kind }) => kind === 'opened' || kind === 'packaged'));
    }));

test('the hub refuses it too, whatever program asks', () =>
  inTown(async (world) => {
    const id = await world.delivered('data-subject');
    const { openClient } = await import('../../deploy/hub/cli/client.ts');
    const { codeThrown } = await import('../support/code-thrown.ts');
    const { readTrusted } = await import('../../deploy/hub/trust.ts');
    const client = openClient(world.town.hub);
    const recipient = readTrusted(world.town.hub).policy.recipients[0]?.recipient ?? '';
    const view = { by: 'x', id, recipient, present: [], swap: false };
    assert.is(await codeThrown(() => client.post('view', view)), 'masks-required');
    const files = [{ name: 'viewing.mp4', sha256: '0'.repeat(64) }];
    assert.is(
      await codeThrown(() => client.post('pack', { by: 'x', id, how: 'zip', files })),
      'masks-required',
    );
  }));

test('for the police the plain film is shown', () =>
  inTown(async (world) => {
    const id = await world.delivered('judicial-police');
    assert.is((await world.run('open', id, '--identity', officerIdentity(world), '--once')).code, 0);
  }));
