import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { inTown, registerLines, type World } from '../support/hub-case.ts';
import { payloadOf } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';

// Art. 10: the list of installations changes. Nodes and cameras are what the signed policy says, and nothing else is.
const test = suite('Art. 10: the list of installations changes', { timeoutMs: 180_000 });

function request({ run, town }: World, camera: string) {
  return run(
    ...['request', '--protocol', '78/2026', '--date', '2026-01-16', '--authority', 'Carabinieri di Cogolo'],
    ...['--person', 'Mario Rossi, maresciallo', '--purpose', 'judicial-police', '--reason', 'furto'],
    ...['--node', town.node, '--camera', camera],
    ...['--from', '2026-01-15T10:00:00Z', '--to', '2026-01-15T10:01:00Z'],
  );
}

/** A version with another list, signed by `signer`; its file. */
function withCameras({ town, folder }: World, cameras: string[], signer: KeyObject): string {
  const payload = payloadOf(readFileSync(join(town.hub, 'policy.dsse.json')));
  const [first, ...others] = payload['nodes'] as Record<string, unknown>[];
  const changed = {
    ...payload,
    version: (payload['version'] as number) + 1,
    nodes: [{ ...first, cameras }, ...others],
  };
  const file = join(folder, `policy-${cameras.join('-')}.json`);
  writeFileSync(file, signEnvelope(payloadTypes.policy, Buffer.from(JSON.stringify(changed)), [signer]));
  return file;
}

test('a camera is one from the version of the list that names it, and no more from the one that does not', () =>
  inTown(async (world) => {
    const key = (name: string) => createPrivateKey(readFileSync(join(world.town.hub, 'keys', `${name}.key`)));
    assert.is((await request(world, 'cam-2')).code, 2);
    const forged = withCameras(world, ['cam-1', 'cam-2'], key('officer'));
    assert.is.not((await world.run('policy', 'publish', forged)).code, 0, 'who is no root changes no list');
    assert.is((await request(world, 'cam-2')).code, 2);
    const published = await world.run('policy', 'publish', withCameras(world, ['cam-2'], key('root')));
    assert.is(published.code, 0, published.err);
    assert.is((await request(world, 'cam-2')).code, 0);
    assert.is((await request(world, 'cam-1')).code, 2);
    assert.ok((await registerLines(world)).some(({ kind }) => kind === 'policy'));
  }));
