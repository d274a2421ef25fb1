import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { systemRandom } from '#agent/platform/random.ts';
import { openSealer, parseRecipients, prepareSeal } from '#protocol/seal/seal.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('sealed files and the plain age', { timeoutMs: 240_000 });
const age = findProgram('age');

if (age === undefined) test.skip('age -d opens what we seal', 'age is not installed');
else
  test('age -d opens what we seal, at every boundary, with each identity', async () => {
    using folder = temporaryFolder();
    const identities = [await generateX25519Identity(), await generateX25519Identity()];
    const recipients = parseRecipients(await Promise.all(identities.map((one) => identityToRecipient(one))));
    identities.forEach((identity, i) => {
      writeFileSync(join(folder.path, `${i}.key`), `${identity}\n`, { mode: 0o600 });
    });
    for (const length of [0, 1, 65_535, 65_536, 65_537, 131_072, 3_000_000]) {
      const plain = systemRandom.bytes(length);
      const prepared = await prepareSeal(recipients, systemRandom);
      const head = prepared.head;
      const sealer = openSealer(prepared);
      const file = join(folder.path, 'sealed.age');
      writeFileSync(file, Buffer.concat([head, ...sealer.update(plain), ...sealer.final()]));
      for (const i of [0, 1]) {
        const { status, stdout, stderr } = spawnSync(age, ['-d', '-i', join(folder.path, `${i}.key`), file], {
          maxBuffer: 10_000_000,
        });
        assert.is(status, 0, stderr.toString());
        assert.ok(stdout.equals(plain), `${length} bytes`);
      }
    }
  });
