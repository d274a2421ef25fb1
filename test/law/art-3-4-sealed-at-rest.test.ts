// Art. 3 c. 3 and 4, Art. 6 c. 2: access to the pictures for authorised persons alone. The box that records is none.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openSealed } from '#protocol/seal/seal.ts';
import { clearPictures } from '../../deploy/demo/frames.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { ledgerOf, segmentPath, startAgent } from '../support/agent-child.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('Art. 3 c. 3–4: at rest for the officer alone', { timeoutMs: 180_000 });

test('nothing of a picture lies in the clear at the site, and nothing there opens what is sealed', async () => {
  using folder = temporaryFolder();
  await using simulator = await startSimulator({ cameras: [{ path: '/cam' }] });
  const town = await makeTown(folder.path, {
    cameras: [{ id: 'cam-1', rtsp: simulator.camera('/cam').url }],
  });
  await using agent = startAgent(town);
  const segments = await eventually(
    'two sealed segments',
    () => {
      assert.is(agent.ended(), undefined);
      const found = ledgerOf(town, 'cam-1').filter(({ kind }) => kind === 'segment');
      return found.length >= 2 ? found : undefined;
    },
    60_000,
  );
  assert.equal(clearPictures(town.store), [], 'what is open and what is sealed');
  assert.equal(clearPictures(town.box), []);
  for (const entry of readdirSync(town.box, { recursive: true, withFileTypes: true }))
    if (entry.isFile())
      assert.not(
        readFileSync(join(entry.parentPath, entry.name)).includes('AGE-SECRET-KEY'),
        `${entry.name} holds an identity`,
      );
  const secrets = readdirSync(join(town.box, 'secrets'));
  assert.ok(secrets.length > 0);
  for (const segment of segments) {
    const sealed = readFileSync(segmentPath(town, 'cam-1', segment));
    assert.is(sealed.toString('latin1', 0, 21), 'age-encryption.org/v1');
    const { generateX25519Identity } = await import('age-encryption');
    const stranger = await generateX25519Identity();
    assert.is(
      await codeThrown(() =>
        openSealed(
          { identities: [stranger] },
          (async function* () {
            yield sealed;
          })(),
        ),
      ),
      'seal-no-identity',
    );
  }
});
