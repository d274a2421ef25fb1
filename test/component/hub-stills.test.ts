import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { sha256 } from '#protocol/envelope.ts';
import { instantText } from '#protocol/time.ts';
import { readPackage } from '../../deploy/hub/viewing/package-file.ts';
import { inTown, officerIdentity, registerLines, start } from '../support/hub-case.ts';
import { suite } from '../support/suite.ts';

const test = suite('stills', { timeoutMs: 120_000 });

const isPng = (bytes: Buffer): boolean => bytes.toString('latin1', 1, 4) === 'PNG';

test('pictures of chosen instants are in RAM, differ, and are listed in a package that verifies', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const last = world.segments.at(-1);
    const end = (last?.start ?? 0) + (last?.durationMs ?? 0);
    // The last one begins its group long before: what follows the last picture is that picture.
    const times = [start, start + 700, end - 1].flatMap((at) => ['--still', instantText(at)]);
    const open = (...args: string[]) =>
      world.run('open', id, '--identity', officerIdentity(world), ...times, ...args);
    const shown = await open('--once', '--json');
    assert.is(shown.code, 0, shown.err);
    const { stills, folder } = JSON.parse(shown.out) as {
      stills: { path: string; sha256: string }[];
      folder: string;
    };
    assert.is(new Set(stills.map((one) => one.sha256)).size, 3);
    assert.ok(stills.every(({ path }) => path.startsWith(`${folder}/`) && !existsSync(path)));

    const secret = await generateX25519Identity();
    const file = join(world.folder, 'copy.tar.age');
    const packed = await open('--pack', file, '--for', await identityToRecipient(secret));
    assert.is(packed.code, 0, packed.err);
    const unpacked = join(world.folder, 'unpacked');
    mkdirSync(unpacked);
    await readPackage(file, unpacked, { identity: async () => secret, passphrase: async () => '' });
    assert.is((await world.run('verify', unpacked, '--root', join(world.town.hub, 'root.pub'))).code, 0);
    const derived = JSON.parse(readFileSync(join(unpacked, 'viewing.json'), 'utf8'));
    assert.is(derived.stills.length, 3);
    for (const { name, sha256: hash } of derived.stills) {
      const bytes = readFileSync(join(unpacked, name));
      assert.ok(isPng(bytes));
      assert.is(sha256(bytes), hash);
    }
  }));

test('what nobody filmed has no picture, and a time is understood before anything is noted', () =>
  inTown(async (world) => {
    const id = await world.delivered();
    const open = (time: string) =>
      world.run('open', id, '--identity', officerIdentity(world), '--once', '--still', time);
    assert.is((await open('then')).code, 64);
    assert.not((await registerLines(world)).some(({ kind }) => kind === 'opened'));
    assert.is((await open('2026-01-15T12:00:00Z')).code, 2);
  }));
