import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { inTown, officerIdentity } from '../support/hub-case.ts';
import { suite } from '../support/suite.ts';

// Art. 6 c. 9: what goes to third parties is encrypted.
const test = suite('Art. 6 c. 9: copies leave encrypted', { timeoutMs: 180_000 });

test('there is no way to a copy in the clear', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const copy = join(world.folder, 'copy.mp4');
    const open = (...args: string[]) => world.run('open', id, '--identity', officerIdentity(world), ...args);
    assert.is((await open('--pack', copy)).code, 64, 'neither recipient nor ZIP');
    assert.is((await open('--pack', copy, '--zip', '--for', 'age1x')).code, 64, 'both');
    assert.is((await open('--pack', copy, '--for', 'age1nonsense')).code, 64, 'no recipient');
    assert.is((await open('--pack', copy, '--for', '')).code, 64, 'an empty recipient');
    assert.is((await open('--once', '--out', world.folder)).code, 2, 'a folder on a disk');
    assert.not(existsSync(copy));
  }));

test('neither kind of copy holds a picture, a name or a place that can be read', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const identity = officerIdentity(world);
    const recipient = await identityToRecipient(await generateX25519Identity());
    const age = join(world.folder, 'copy.age');
    const zip = join(world.folder, 'copy.zip');
    assert.is(
      (await world.run('open', id, '--identity', identity, '--pack', age, '--for', recipient)).code,
      0,
    );
    assert.is((await world.run('open', id, '--identity', identity, '--pack', zip, '--zip')).code, 0);
    // Seven bytes and more: four stand somewhere in what is encrypted once in a thousand times.
    const film = world.segments[0]?.clear ?? Buffer.alloc(0);
    const after = (box: string, from: number, to: number): Buffer => {
      const at = film.indexOf(box);
      assert.ok(at > 0, box);
      return film.subarray(at + from, at + to);
    };
    const pictures = [after('avcC', 0, 16), after('mfhd', -8, 4), after('mdat', 1000, 1016)];
    for (const file of [age, zip]) {
      const bytes = readFileSync(file);
      for (const sign of [...pictures, 'Polo scolastico', '77/2026', 'payloadType'])
        assert.not(bytes.includes(sign), `${sign.toString('latin1')} in ${file}`);
    }
    assert.equal(
      readdirSync('/dev/shm').filter((name) => name.startsWith(`peio-open-${process.pid}`)),
      [],
    );
  }));
