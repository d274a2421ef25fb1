import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { instantText } from '#protocol/time.ts';
import type { MinutesPayload } from '../../deploy/hub/minutes/minutes.ts';
import { readTrusted } from '../../deploy/hub/trust.ts';
import { signContents, verifyContents } from '../../deploy/hub/viewing/contents.ts';
import { readPackage } from '../../deploy/hub/viewing/package-file.ts';
import { verifyPackage } from '../../deploy/hub/viewing/verify.ts';
import { inShortTown, officerIdentity, start, type World } from '../support/hub-case.ts';
import { payloadOf } from '../support/hub-town.ts';
import { writeMasks } from '../support/mask-file.ts';
import { suite } from '../support/suite.ts';

// What a hub that lies, or a program of it that errs, could put into a package and sign.
const test = suite('minutes and pictures of a package, where the hub itself signs something wrong', {
  timeoutMs: 240_000,
});

interface Unpacked {
  folder: string;
  /** Signs the contents of the folder anew, as the hub would, and gives the first check that fails. */
  failing(): Promise<string | undefined>;
  /** Signs changed minutes. */
  minutes(change: (payload: MinutesPayload) => void): void;
}

async function unpacked(world: World, id: string, args: string[]): Promise<Unpacked> {
  const secret = await generateX25519Identity();
  const file = join(world.folder, 'copy.tar.age');
  const made = await world.run(
    ...['open', id, '--identity', officerIdentity(world), '--pack', file],
    ...['--for', await identityToRecipient(secret), ...args],
  );
  assert.is(made.code, 0, made.err);
  const folder = join(world.folder, 'unpacked');
  mkdirSync(folder);
  await readPackage(file, folder, { identity: async () => secret, passphrase: async () => '' });
  const key: KeyObject = createPrivateKey(readFileSync(join(world.town.hub, 'keys', 'hub.key')));
  const hub = readTrusted(world.town.hub).policy.hub.key;
  const contents = verifyContents(readFileSync(join(folder, 'contents.txt'), 'utf8'), hub);
  return {
    folder,
    async failing() {
      const files = readdirSync(folder)
        .filter((name) => name !== 'contents.txt')
        .map((name) => ({
          name,
          sha256: createHash('sha256')
            .update(readFileSync(join(folder, name)))
            .digest('hex'),
        }));
      writeFileSync(join(folder, 'contents.txt'), signContents({ ...contents, files }, key));
      const bad = (await verifyPackage(folder, join(world.town.hub, 'root.pub'))).find(({ ok }) => !ok);
      return bad && `${bad.what}/${bad.code}`;
    },
    minutes(change) {
      const path = join(folder, 'verbale.json');
      const payload = payloadOf(readFileSync(path)) as MinutesPayload;
      change(payload);
      writeFileSync(path, signEnvelope(payloadTypes.minutes, Buffer.from(JSON.stringify(payload)), [key]));
    },
  };
}

test('minutes that are not of this command, this delivery and these pictures are found', () =>
  inShortTown(async (world) => {
    const id = await world.delivered();
    const pack = await unpacked(world, id, ['--still', instantText(start + 500)]);
    const path = join(pack.folder, 'verbale.json');
    const right = readFileSync(path);
    assert.is(await pack.failing(), undefined);
    const wrong: ((payload: MinutesPayload) => void)[] = [
      (payload) => {
        payload.case = '019c1f2e-7a10-7abc-8def-0123456789ab';
      },
      (payload) => {
        payload.record.purpose = 'defence';
      },
      (payload) => {
        payload.record.protocol = '1/2026';
      },
      (payload) => {
        payload.to = '2026-01-15T23:00:00.000Z';
      },
      (payload) => {
        payload.evidence.manifest = '0'.repeat(64);
      },
      (payload) => {
        payload.files = payload.files.map((file) => ({ ...file, clock: 'unknown' }));
      },
      (payload) => {
        payload.gaps.push({ start: payload.from, end: payload.to, reason: 'power-lost' });
      },
      (payload) => {
        payload.made.films = payload.made.films.map((film) => ({ ...film, sha256: '0'.repeat(64) }));
      },
      (payload) => {
        payload.made.stills = payload.made.stills.slice(0, 1);
      },
    ];
    for (const change of wrong) {
      pack.minutes(change);
      assert.is(await pack.failing(), 'minutes/minutes-differ', change.toString());
      writeFileSync(path, right);
    }
    writeFileSync(join(pack.folder, 'fotogramma-2.png'), 'another picture');
    assert.is(await pack.failing(), 'minutes/minutes-differ');
    rmSync(join(pack.folder, 'fotogramma-2.png'));
    const operator = createPrivateKey(readFileSync(join(world.town.hub, 'keys', 'operator.key')));
    const signed = signEnvelope(payloadTypes.minutes, Buffer.from(JSON.stringify(payloadOf(right))), [
      operator,
    ]);
    writeFileSync(path, signed);
    assert.is(await pack.failing(), 'minutes/bad-signature');
    rmSync(path);
    assert.is(await pack.failing(), 'minutes/missing-part');
  }));

test('for a data subject a picture that is not masked is found, whatever it is called', () =>
  inShortTown(async (world) => {
    const id = await world.delivered('data-subject');
    const pack = await unpacked(world, id, [
      ...['--masks', writeMasks(world), '--still', instantText(start + 500), '--stills-only'],
    ]);
    assert.is(await pack.failing(), undefined);
    const path = join(pack.folder, 'verbale.json');
    const right = readFileSync(path);
    const hash = createHash('sha256').update('a plain film').digest('hex');
    const film = { name: 'viewing.mp4', sha256: hash, durationMs: 1, stretches: [] };
    writeFileSync(join(pack.folder, 'viewing.mp4'), 'a plain film');
    pack.minutes((payload) => payload.made.films.push(film));
    assert.is(await pack.failing(), 'minutes/masks-required');
    rmSync(join(pack.folder, 'viewing.mp4'));
    writeFileSync(path, right);
    const named = { ...film, name: 'oscurato.mp4' };
    writeFileSync(join(pack.folder, 'oscurato.mp4'), 'a plain film');
    pack.minutes((payload) => payload.made.films.push(named));
    assert.is(await pack.failing(), 'minutes/minutes-differ', 'it names no source');
    rmSync(join(pack.folder, 'oscurato.mp4'));
    writeFileSync(path, right);
    const masks = join(pack.folder, 'masks.json');
    writeFileSync(masks, readFileSync(masks, 'utf8').replace('"x":100', '"x":120'));
    assert.is(await pack.failing(), 'minutes/minutes-differ', 'other masks');
  }));
