import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { caseFolder, inTown, officerIdentity, registerLines } from '../support/hub-case.ts';
import type { SealedSegment } from '../support/hub-segments.ts';
import { suite } from '../support/suite.ts';

// Art. 6 c. 5: access to viewing is documented in a register. c. 7: viewing is shared with nobody else.
const test = suite('Art. 6 c. 5: every viewing is in the register', { timeoutMs: 180_000 });

test('a viewing and a copy are each a line, with who opened and who was present, before anything is opened', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const identity = officerIdentity(world);
    const present = ['--with', 'Anna Bianchi, incaricata', '--with', 'Mario Rossi, maresciallo'];
    assert.is((await world.run('open', id, '--identity', identity, '--once', ...present)).code, 0);
    const pack = join(world.folder, 'copy.zip');
    assert.is((await world.run('open', id, '--identity', identity, '--pack', pack, '--zip')).code, 0);
    const lines = (await registerLines(world, '--case', id)).filter(({ kind }) => kind === 'opened');
    assert.is(lines.length, 2);
    assert.equal(lines[0]?.['present'], ['Anna Bianchi, incaricata', 'Mario Rossi, maresciallo']);
    assert.is(lines[0]?.['role'], 'officer');
    assert.match(String(lines[0]?.['at']), /^\d{4}-\d\d-\d\dT/);

    // What cannot be opened was still noted: the line comes first.
    const file = join(caseFolder(world, id), 'files', (world.segments[0] as SealedSegment).name);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(1));
    assert.is((await world.run('open', id, '--identity', identity, '--once')).code, 1);
    const after = (await registerLines(world, '--case', id)).filter(({ kind }) => kind === 'opened');
    assert.is(after.length, 3);
  }));

test('without the hub that keeps the register nothing is opened', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    await world.hub.close();
    const pack = join(world.folder, 'copy.zip');
    const opened = await world.run('open', id, '--identity', officerIdentity(world), '--pack', pack, '--zip');
    assert.is(opened.code, 69);
    assert.not(existsSync(pack));
    const { serveHub } = await import('../support/hub-town.ts');
    world.hub = await serveHub(world.town.hub);
  }));
