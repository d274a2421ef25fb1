import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { caseFolder, inTown, registerLines, stateOf } from '../support/hub-case.ts';
import { serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';

// Art. 9 c. 1 g: at the end of the proceeding the files are deleted.
const test = suite('Art. 9 c. 1 g: closing deletes every copy', { timeoutMs: 180_000 });

/** Of a file of a hub that runs: one that it took away after it was listed holds nothing. */
function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return Buffer.alloc(0);
  }
}

test('no byte of the footage is left at the hub; manifest, hashes and lines are', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const closed = await world.run('close', id);
    assert.is(closed.code, 0, closed.err);
    for (const { sealed } of world.segments) {
      const piece = sealed.subarray(sealed.length - 64);
      for (const entry of readdirSync(world.town.hub, { recursive: true, withFileTypes: true }))
        if (entry.isFile())
          assert.not(contentOf(join(entry.parentPath, entry.name)).includes(piece), entry.name);
    }
    assert.ok(existsSync(join(caseFolder(world, id), 'manifest.dsse.json')));
    const line = (await registerLines(world, '--case', id)).at(-1);
    assert.is(line?.['kind'], 'closed');
    assert.equal(
      line?.['deleted'],
      world.segments.map(({ name, listed }) => ({ name, sha256: listed.sha256 })),
    );
    assert.is((await world.run('close', id)).code, 0, 'closed is closed');
  }));

test('a deletion that a crash interrupted is ended at the next start', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    await world.hub.close();
    const file = join(caseFolder(world, id), 'case.json');
    const kept = JSON.parse(readFileSync(file, 'utf8'));
    const { writeFileSync } = await import('node:fs');
    writeFileSync(file, JSON.stringify({ ...kept, state: 'closing' }));
    world.hub = await serveHub(world.town.hub);
    assert.is(await stateOf(world, id), 'closed');
    assert.not(existsSync(join(caseFolder(world, id), 'files')));
  }));

test('a delivery under way is not closed behind its back', () =>
  inTown(async (world) => {
    const id = await world.granted();
    await world.accept(id);
    assert.is((await world.run('close', id)).code, 2);
    assert.is(await stateOf(world, id), 'authorised');
  }));
