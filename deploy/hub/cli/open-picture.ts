import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#agent/platform/clock.ts';
import { exitCodes, Failure } from '#protocol/failure.ts';
import { openSealed } from '#protocol/seal/seal.ts';
import { cameraName } from '../settings.ts';
import { readTrusted } from '../trust.ts';
import { differing, readPictureEvidence } from '../viewing/evidence.ts';
import { readIdentity } from '../viewing/identity.ts';
import { caseFolder } from '../viewing/package-parts.ts';
import { policyOf } from '../viewing/policy-of.ts';
import { forbidCoreDumps, openRamFolder } from '../viewing/ram.ts';
import type { Call } from './command.ts';
import { readPassphrase } from './passphrase.ts';
import { localTime } from './times.ts';
import { untilClosed } from './until-closed.ts';
import { untilEnter } from './until-enter.ts';

/** Options of `hub open` that make copies or other pictures: a picture for maintenance is looked at, and goes. */
const forFilms = ['pack', 'for', 'zip', 'original', 'still', 'masks', 'draw', 'review'];

/**
 * Shows the one picture of a snapshot (Art. 6 c. 8), in a RAM-backed folder, to whom it was taken for: `--with` is
 * needed, and the hub takes only those whom two persons signed for. Nothing of it leaves.
 */
export async function openPicture(call: Call, id: string): Promise<number> {
  const given = forFilms.find((name) =>
    [call.option(name)].flat().some((value: unknown) => value !== undefined && value !== false),
  );
  if (given !== undefined)
    throw new Failure('usage', 'usage', `--${given}: a picture for maintenance is looked at, not copied`);
  const present = call.options('with');
  if (present.length === 0)
    throw new Failure('usage', 'usage', '--with is needed: who maintains looks together with the officer');
  const history = readTrusted(call.dir);
  await forbidCoreDumps();
  const ram = openRamFolder(call.option('out') ?? '/dev/shm', call.flag('allow-swap'));
  process.on('exit', () => ram.remove());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.exit(exitCodes.done));
  let watching: { stop(): void } | undefined;
  try {
    const identity = await readIdentity(call.need('identity'), async () => {
      const file = call.option('passphrase-file');
      return file ? readPassphrase(file) : await call.terminal.ask('Passphrase: ', { hidden: true });
    });
    await call.client().post('look', {
      by: call.by,
      id,
      recipient: identity.recipient,
      present,
      swap: call.flag('allow-swap'),
    });
    const folder = caseFolder(call.dir, id);
    watching = untilClosed(folder, systemClock, () => {
      call.terminal.note(call.texts().opened.closed);
      process.exit(exitCodes.done);
    });
    const { command, manifest } = readPictureEvidence(folder, policyOf(history, folder));
    const [file] = manifest.files;
    const [wrong] = await differing(folder, manifest);
    if (wrong || file === undefined)
      throw new Failure('corrupt', 'files-differ', `${wrong?.name} is ${wrong?.why}: nothing is opened`);
    const path = join(ram.path, file.name.replace(/\.age$/, ''));
    writeFileSync(path, await clear(join(folder, 'files', file.name), identity.secret), {
      flag: 'wx',
      mode: 0o600,
    });
    const camera = cameraName(call.settings(), command.node, command.camera);
    if (call.flag('json')) call.terminal.print(JSON.stringify({ id, picture: path, at: file.start, camera }));
    else {
      call.terminal.print(call.texts().opened.checked);
      call.terminal.print(
        `${call.texts().opened.still(path, localTime(file.start, call.settings()))}, ${camera}`,
      );
    }
    if (!call.flag('once')) await untilEnter(call);
    return exitCodes.done;
  } finally {
    watching?.stop();
    ram.remove();
  }
}

/** Throws `seal-broken` for a picture that does not end where its node ended it. */
async function clear(path: string, secret: string): Promise<Buffer> {
  const opened = await openSealed({ identities: [secret] }, createReadStream(path));
  const chunks: Buffer[] = [];
  for await (const chunk of opened.chunks()) chunks.push(chunk);
  if (opened.end() !== 'whole')
    throw new Failure('corrupt', 'seal-broken', 'the picture is not as the node sealed it');
  return Buffer.concat(chunks);
}
