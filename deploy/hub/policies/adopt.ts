import { join } from 'node:path';
import { systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { socketLocks } from '#agent/platform/lock.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { ownAsFolder } from '../authority/place.ts';
import type { HubClient } from '../cli/client.ts';
import { openRegister } from '../register/register.ts';
import { readTrusted } from '../trust.ts';
import { openPolicies } from './policies.ts';

/**
 * Brings a signed policy into force: through `hub serve` where it runs, which sends it to every node; else in its
 * folder, with the same checks and the same line of the register. Throws as `hub policy publish` does; `hub-busy`.
 */
export async function adoptPolicy(
  dir: string,
  client: HubClient,
  envelope: string,
  by: string,
): Promise<'published' | 'kept'> {
  try {
    await client.post('policy', { by, envelope });
    return 'published';
  } catch (error) {
    if (codeOf(error) !== 'hub-away') throw error;
  }
  const lock = await socketLocks(systemFiles).hold(dir);
  if (lock === undefined)
    throw new Failure('unavailable', 'hub-busy', `a hub that does not answer serves ${dir}`);
  try {
    const register = openRegister(join(dir, 'data', 'register.sqlite'), () => systemClock.utc());
    try {
      const policies = openPolicies({ files: systemFiles, dir, history: readTrusted(dir), register });
      await policies.publish(Buffer.from(envelope), by);
    } finally {
      register.close();
    }
    // Root may have run this; the hub runs as another.
    ownAsFolder(dir, ['policy.dsse.json', 'data/register.sqlite', 'data/policies']);
  } finally {
    await lock.release();
  }
  return 'kept';
}
