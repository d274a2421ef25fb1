import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sentenceOf } from '#protocol/failure.ts';
import type { StatusAnswer } from '../hub/api/schema.ts';
import { clearPictures } from './frames.ts';
import { openIntruder } from './intruder.ts';
import { type Answer, type } from './programs.ts';
import { type DemoSite, openSite } from './site.ts';
import { runSteps, type Step } from './steps.ts';
import { waitFor } from './wait.ts';

/** Seconds of footage that the tour asks for. */
const windowSeconds = 20;
/** Where the upload is cut: behind the manifest, in the middle of a segment. */
const cutAfterBytes = 400_000;

/** What the steps hand on to one another. */
interface Notes {
  recordingSince: number;
  request: string;
  id: string;
  pack: string;
  packIdentity: string;
}

interface Scene {
  site: DemoSite;
  notes: Notes;
}

const steps: Step<Scene>[] = [
  { title: 'Two cameras are recorded, sealed while they are written', run: living(recordBoth) },
  { title: 'A camera is unplugged: the alert is raised, and cleared when it is back', run: living(unplug) },
  { title: 'A forged, an expired and a once-signed command are refused', run: living(refuse) },
  { title: 'A request is entered, an extraction signed by operator and officer', run: living(order) },
  { title: 'The sealed footage arrives, although the connection is cut on the way', run: living(deliver) },
  { title: 'The officer opens it into an encrypted package', run: living(open) },
  { title: 'Anyone can verify the package offline', run: living(verify) },
  { title: 'The case is closed: every copy at the town hall is deleted', run: living(close) },
  { title: 'The store is whole, the log unbroken, and no picture lies in the clear', run: living(check) },
];

/** A step of a site whose programs all run. */
function living(run: (site: DemoSite, notes: Notes) => Promise<string>): Step<Scene>['run'] {
  return async ({ site, notes }) => {
    site.requireAlive();
    return await run(site, notes);
  };
}

/** The scripted tour. Exit code: 0 when every step held. */
export async function tour(dir: string): Promise<number> {
  const say = (text: string): void => void process.stdout.write(text);
  say(`Peio edge agent: the tour. One site, its town hall and broker, all on this computer, in ${dir}\n\n`);
  let site: DemoSite;
  try {
    site = await openSite({ dir, camera: undefined, fresh: true, uploadLimit: '4Mbit' });
  } catch (error) {
    say(`▲ it does not start: ${sentenceOf(error)}\n`);
    return 1;
  }
  const notes: Notes = {
    recordingSince: 0,
    request: '',
    id: '',
    pack: join(dir, 'package.tar.age'),
    packIdentity: '',
  };
  try {
    const all = await runSteps(steps, { site, notes });
    if (!all) say(`The logs are in ${join(dir, 'log')}.\n`);
    return all ? 0 : 1;
  } finally {
    await site.close();
  }
}

async function hubStatus(site: DemoSite): Promise<StatusAnswer> {
  return JSON.parse(expectDone(await type('hub', ['status', '--json', '--hub', site.hub])).stdout);
}

/** Throws unless the command ended well. */
function expectDone(answer: Answer): Answer {
  if (answer.code === 0) return answer;
  throw new Error(
    `exit ${answer.code}: ${(answer.stderr || answer.stdout).trim().split('\n').slice(-2).join(' ')}`,
  );
}

async function recordBoth(site: DemoSite, notes: Notes): Promise<string> {
  const both = await waitFor('both cameras with two sealed segments', 90_000, async () => {
    site.requireAlive();
    const { stdout } = await type('agent', ['verify', '--store', site.store, '--json']);
    const { ok, segments } = JSON.parse(stdout || '{}');
    const status = await type('agent', ['status', '--json', '--socket', site.socket]);
    const { health } = JSON.parse(status.stdout || '{}');
    const recording = health?.cameras?.filter((camera: { state: string }) => camera.state === 'recording');
    return ok && segments >= 4 && recording?.length === 2 ? { segments, cameras: recording } : undefined;
  });
  const pictures = clearPictures(site.store);
  if (pictures.length > 0) throw new Error(`in the clear: ${pictures.join(', ')}`);
  const [first] = both.cameras;
  notes.recordingSince = Date.now() - 10_000;
  return `${both.segments} segments of ${site.cameras.join(' and ')} sealed; ${first.codec} ${first.width}×${first.height}, ${(first.bitrate / 1e6).toFixed(1)} Mbit/s each`;
}

async function unplug(site: DemoSite): Promise<string> {
  const { simulator } = site;
  if (simulator === undefined) throw new Error('there is no simulated camera');
  const alertAt = (wanted: boolean) =>
    waitFor(wanted ? 'the alert' : 'the alert to clear', 60_000, async () => {
      const { alerts } = await hubStatus(site);
      return alerts.some(({ key }) => key === 'camera-down.cam-2') === wanted;
    });
  const pulled = performance.now();
  await simulator.camera('/cam-2').unplug();
  await alertAt(true);
  const raisedAfter = (performance.now() - pulled) / 1000;
  const status = JSON.parse(
    expectDone(await type('agent', ['status', '--json', '--socket', site.socket])).stdout,
  );
  const other = status.health.cameras.find((camera: { id: string }) => camera.id === 'cam-1');
  if (other.state !== 'recording')
    throw new Error(`cam-1 is ${other.state}, although only cam-2 was unplugged`);
  const plugged = performance.now();
  await simulator.camera('/cam-2').plug();
  await alertAt(false);
  const clearedAfter = (performance.now() - plugged) / 1000;
  return `at the town hall after ${raisedAfter.toFixed(1)} s, cleared ${clearedAfter.toFixed(1)} s after it was back; cam-1 went on`;
}

async function refuse(site: DemoSite): Promise<string> {
  const intruder = await openIntruder(site);
  try {
    const expected = {
      forged: 'bad-signature',
      expired: 'expired',
      'once-signed': 'missing-signature',
    } as const;
    const seen: string[] = [];
    for (const [how, code] of Object.entries(expected) as [keyof typeof expected, string][]) {
      const { state, reason } = await intruder.send(how, 'cam-1');
      if (state !== 'refused' || reason !== code)
        throw new Error(`the ${how} command was answered ${state} ${reason ?? ''}, not refused ${code}`);
      seen.push(`${how}: ${reason}`);
    }
    return seen.join(', ');
  } finally {
    await intruder.close();
  }
}

async function order(site: DemoSite, notes: Notes): Promise<string> {
  const from = notes.recordingSince;
  const to = from + windowSeconds * 1000;
  await waitFor('the window to be over', 60_000, () => Date.now() > to);
  const hub = ['--hub', site.hub];
  const request = expectDone(
    await type('hub', [
      ...[
        'request',
        ...hub,
        '--json',
        '--protocol',
        '4711/2026',
        '--date',
        new Date().toISOString().slice(0, 10),
      ],
      ...['--authority', 'Procura della Repubblica di Trento', '--person', 'Mario Rossi, maresciallo'],
      ...['--purpose', 'judicial-police', '--reason', 'Danneggiamento di un veicolo nel parcheggio'],
      ...['--node', site.node, '--camera', 'cam-1'],
      ...['--from', new Date(from).toISOString(), '--to', new Date(to).toISOString()],
    ]),
  );
  notes.request = JSON.parse(request.stdout).id;
  const prepared = expectDone(await type('hub', ['extract', ...hub, '--request', notes.request]));
  notes.id = JSON.parse(prepared.stdout).id;
  // The upload is to be cut once; the proxy on its way does so when enough has passed.
  cutOnce(site);
  expectDone(await type('hub', ['authorise', notes.id, '--yes', ...hub]));
  return `request ${notes.request}, command ${notes.id}, ${windowSeconds} s of cam-1`;
}

/** Cuts the way of the uploads once `cutAfterBytes` have passed. */
function cutOnce(site: DemoSite): void {
  const before = site.uploadWay.bytesUp();
  const watch = setInterval(() => {
    if (site.uploadWay.bytesUp() - before < cutAfterBytes) return;
    site.uploadWay.cut();
    // Between two files there may be no connection: then the next one.
    if (site.uploadWay.cuts() > 0) clearInterval(watch);
  }, 20);
  watch.unref();
}

async function deliver(site: DemoSite, notes: Notes): Promise<string> {
  const before = site.uploadWay.bytesUp();
  const followed = expectDone(await type('hub', ['follow', notes.id, '--hub', site.hub]));
  if (site.uploadWay.cuts() !== 1)
    throw new Error(`the connection was cut ${site.uploadWay.cuts()} times, not once`);
  const last = followed.stdout.trim().split('\n').pop() ?? '';
  return `${last.trim()}; ${(Math.max(0, site.uploadWay.bytesUp() - before) / 1e6).toFixed(1)} MB sent while following`;
}

async function open(site: DemoSite, notes: Notes): Promise<string> {
  const { generateIdentity, identityToRecipient } = await import('age-encryption');
  notes.packIdentity = await generateIdentity();
  const recipient = await identityToRecipient(notes.packIdentity);
  const identity = join(site.hub, 'identities', 'officer.age');
  rmSync(notes.pack, { force: true });
  expectDone(
    await type('hub', [
      ...['open', notes.id, '--identity', identity, '--with', 'Mario Rossi', '--hub', site.hub],
      ...['--pack', notes.pack, '--for', recipient],
    ]),
  );
  const start = readFileSync(notes.pack).subarray(0, 21).toString();
  if (start !== 'age-encryption.org/v1') throw new Error('the package is not encrypted');
  const { stdout } = expectDone(await type('hub', ['register', '--json', '--hub', site.hub]));
  if (!stdout.includes(notes.id)) throw new Error('the register does not tell of the opening');
  return `${(readFileSync(notes.pack).length / 1e6).toFixed(1)} MB for the requester alone; the register knew first`;
}

async function verify(site: DemoSite, notes: Notes): Promise<string> {
  const identity = join(site.dir, 'requester.identity');
  const { writeFileSync } = await import('node:fs');
  writeFileSync(identity, `${notes.packIdentity}\n`, { mode: 0o600 });
  const { stdout } = expectDone(
    await type('hub', ['verify', notes.pack, '--identity', identity, '--root', join(site.hub, 'root.pub')]),
  );
  return stdout.trim().split('\n')[0] ?? '';
}

async function close(site: DemoSite, notes: Notes): Promise<string> {
  const { stdout } = expectDone(await type('hub', ['close', notes.id, '--json', '--hub', site.hub]));
  const { files, bytes } = JSON.parse(stdout);
  if (!(files > 0)) throw new Error('nothing was deleted');
  return `${files} files, ${(bytes / 1e6).toFixed(1)} MB gone; manifest, hashes and register stay`;
}

async function check(site: DemoSite): Promise<string> {
  const { stdout } = expectDone(
    await type('agent', ['verify', '--store', site.store, '--json', '--root', join(site.hub, 'root.pub')]),
  );
  const { segments, auditLines } = JSON.parse(stdout);
  const pictures = clearPictures(site.dir);
  if (pictures.length > 0) throw new Error(`in the clear: ${pictures.join(', ')}`);
  return `${segments} segments and ${auditLines} log lines verified`;
}
