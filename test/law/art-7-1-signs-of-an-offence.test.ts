import * as assert from 'uvu/assert';
import { inTown, officerIdentity, registerLines } from '../support/hub-case.ts';
import { suite } from '../support/suite.ts';

// Art. 7 c. 1 and 2: signs of an offence that somebody saw are reported to the local police.
const test = suite('Art. 7 c. 1–2: signs of an offence are reported, and the report stays', {
  timeoutMs: 180_000,
});

test('the report is a line against the case, whom it went to included, and closing keeps it', () =>
  inTown(async (world) => {
    const id = await world.delivered('controller');
    assert.is((await world.run('open', id, '--identity', officerIdentity(world), '--once')).code, 0);
    const said = await world.run('report', id, '--text', 'un veicolo danneggiato', '--to', 'Polizia locale');
    assert.is(said.code, 0, said.err);
    assert.is((await world.run('close', id)).code, 0);
    const [line] = (await registerLines(world, '--case', id)).filter(({ kind }) => kind === 'reported');
    assert.is(line?.['text'], 'un veicolo danneggiato');
    assert.is(line?.['to'], 'Polizia locale');
  }));
