import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { instantText } from '#protocol/time.ts';
import { walkerMasks, walkerSeconds } from './case-masks.ts';
import { look } from './case-pictures.ts';
import { clearPictures } from './frames.ts';
import { outsider } from './outsider.ts';
import { type Answer, type } from './programs.ts';
import type { DemoSite } from './site.ts';
import type { Step } from './steps.ts';
import { waitFor } from './wait.ts';

/** One request with what came of it. */
interface DemoCase {
  who: 'police' | 'citizen';
  request: string;
  id: string;
  from: number;
  to: number;
}

export interface CaseScene {
  site: DemoSite;
  /** Folder of the requesters' machines. */
  requesters: string;
  /** UTC milliseconds of the first frame: there the camera's clip begins. */
  filmedFrom: number;
  cases: DemoCase[];
}

const clip = join(import.meta.dirname, '..', '..', 'test', 'fixtures', 'walkers.mp4');
/** What the police asks for, in seconds of the clip. */
const policeSeconds = { from: 3, to: 23 };
/** Bytes between two cuts of the link. */
const cutEvery = 350_000;
const cuts = 3;
/** Seconds of the clip at which the citizen gets single pictures. */
const stillSeconds = [22, 24, 26];

export const caseSteps: readonly Step<CaseScene>[] = [
  { title: 'A camera is recorded, sealed while it is written', run: record },
  { title: 'Two written requests are entered, each of two extractions signed by two persons', run: order },
  { title: `The sealed footage arrives over a link that is cut ${cuts} times`, run: deliver },
  { title: 'For the citizen nothing plain is opened', run: refusePlain },
  { title: 'The officer packs for the police, plain and as recorded', run: packPlain },
  { title: 'The officer packs for the citizen: one person shown, the others masked', run: packMasked },
  { title: 'Each requester checks the copy without our software', run: checkOutside },
  { title: 'The masked pictures show that one person', run: lookAtPictures },
  { title: 'A byte that is changed is found', run: tamper },
  { title: 'Both cases are closed: every copy at the town hall is deleted', run: close },
  { title: 'The register tells it all, and no picture lies in the clear', run: audit },
];

/** Throws unless the command ended well. */
function done(answer: Answer): Answer {
  if (answer.code === 0) return answer;
  const said = (answer.stderr || answer.stdout).trim().split('\n').slice(-2).join(' ');
  throw new Error(`exit ${answer.code}: ${said}`);
}

const hub = ({ site }: CaseScene, command: string, ...args: string[]): Promise<Answer> =>
  type('hub', [command, ...args, '--hub', site.hub], 120_000);

async function record(scene: CaseScene): Promise<string> {
  const { site } = scene;
  const ledger = join(site.store, 'segments', 'cam-1', 'ledger.jsonl');
  const first = await waitFor('a sealed segment', 60_000, () => {
    site.requireAlive();
    const line = existsSync(ledger) ? readFileSync(ledger, 'utf8').split('\n') : [];
    return line
      .map((text) => (text.startsWith('{') ? JSON.parse(text) : {}))
      .find(({ kind }) => kind === 'segment');
  });
  scene.filmedFrom = Date.parse(first.start);
  const until = scene.filmedFrom + (walkerSeconds.to + 6) * 1000;
  await waitFor('half a minute of footage', 90_000, () => {
    site.requireAlive();
    return Date.now() > until;
  });
  return `since ${instantText(scene.filmedFrom)}; three people and more walk through the picture`;
}

async function order(scene: CaseScene): Promise<string> {
  const { site } = scene;
  const wanted = [
    {
      who: 'police' as const,
      seconds: policeSeconds,
      record: [
        ...['--protocol', '4711/2026', '--authority', 'Procura della Repubblica di Trento'],
        ...['--person', 'Mario Rossi, maresciallo', '--purpose', 'judicial-police'],
        ...['--reason', 'Danneggiamento di un veicolo nel parcheggio'],
      ],
    },
    {
      who: 'citizen' as const,
      seconds: walkerSeconds,
      record: [
        ...[
          '--protocol',
          '4712/2026',
          '--authority',
          'Giulia Bianchi',
          '--person',
          'Giulia Bianchi, interessata',
        ],
        ...['--purpose', 'data-subject', '--reason', 'Accesso ai propri dati, art. 15 GDPR'],
      ],
    },
  ];
  // The link is cut while the footage passes.
  cutSometimes(site);
  for (const { who, seconds, record: said } of wanted) {
    const from = scene.filmedFrom + seconds.from * 1000;
    const to = scene.filmedFrom + seconds.to * 1000;
    const times = ['--from', instantText(Math.floor(from)), '--to', instantText(Math.ceil(to))];
    const date = ['--date', new Date().toISOString().slice(0, 10)];
    const where = ['--node', site.node, '--camera', 'cam-1'];
    const entered = done(await hub(scene, 'request', ...said, ...date, ...where, ...times, '--json'));
    const request = JSON.parse(entered.stdout).id as string;
    const prepared = done(await hub(scene, 'extract', '--request', request));
    const { id } = JSON.parse(prepared.stdout) as { id: string };
    done(await hub(scene, 'authorise', id, '--yes'));
    scene.cases.push({ who, request, id, from, to });
  }
  return scene.cases.map(({ who, request }) => `${who} ${request}`).join(', ');
}

/** Resets every connection of the uploads each time that so much has passed. */
function cutSometimes(site: DemoSite): void {
  const before = site.uploadWay.bytesUp();
  let next = cutEvery;
  const watch = setInterval(() => {
    if (site.uploadWay.bytesUp() - before < next) return;
    next += cutEvery;
    site.uploadWay.cut();
    if (site.uploadWay.cuts() >= cuts) clearInterval(watch);
  }, 20);
  watch.unref();
}

async function deliver(scene: CaseScene): Promise<string> {
  const said: string[] = [];
  for (const { id, who } of scene.cases) {
    const { stdout } = done(await hub(scene, 'follow', id));
    said.push(`${who}: ${stdout.trim().split('\n').at(-1)?.trim()}`);
  }
  const cut = scene.site.uploadWay.cuts();
  if (cut !== cuts) throw new Error(`the link was cut ${cut} times, not ${cuts}`);
  return `${said.join('; ')}; ${(scene.site.uploadWay.bytesUp() / 1e6).toFixed(1)} MB over the link`;
}

function of({ cases }: CaseScene, who: DemoCase['who']): DemoCase {
  const found = cases.find((one) => one.who === who);
  if (found === undefined) throw new Error(`there is no case of the ${who}`);
  return found;
}

const officer = ({ site }: CaseScene): string[] => [
  '--identity',
  join(site.hub, 'identities', 'officer.age'),
];

/** The machine of a requester: a folder with the town's root key, got from the town itself. */
function machine(scene: CaseScene, who: DemoCase['who']): string {
  const folder = join(scene.requesters, who);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'root.pub'), readFileSync(join(scene.site.hub, 'root.pub')));
  return folder;
}

async function refusePlain(scene: CaseScene): Promise<string> {
  const { id } = of(scene, 'citizen');
  const copy = join(scene.site.dir, 'never.zip');
  for (const args of [['--once'], ['--pack', copy, '--zip'], ['--pack', copy, '--zip', '--original']]) {
    const { code } = await hub(scene, 'open', id, ...officer(scene), ...args);
    if (code !== 2) throw new Error(`hub open ${args.join(' ')} ended with ${code}, not refused`);
  }
  if (existsSync(copy)) throw new Error('a package was written');
  return 'neither shown, nor packed, nor as recorded';
}

async function packPlain(scene: CaseScene): Promise<string> {
  const { id } = of(scene, 'police');
  const folder = machine(scene, 'police');
  const secret = await generateX25519Identity();
  writeFileSync(join(folder, 'requester.identity'), `${secret}\n`, { mode: 0o600 });
  const copy = join(scene.site.dir, 'copy.tar.age');
  const to = ['--pack', copy, '--for', await identityToRecipient(secret)];
  done(await hub(scene, 'open', id, ...officer(scene), '--with', 'Mario Rossi', '--original', ...to));
  writeFileSync(join(folder, 'copy.tar.age'), readFileSync(copy));
  return 'an age file for the requester’s key alone';
}

async function packMasked(scene: CaseScene): Promise<string> {
  const { id } = of(scene, 'citizen');
  const folder = machine(scene, 'citizen');
  const masks = join(scene.site.dir, 'masks.json');
  writeFileSync(masks, JSON.stringify(walkerMasks(scene.filmedFrom), null, 1));
  const copy = join(scene.site.dir, 'copy.zip');
  const stills = stillSeconds.flatMap((second) => ['--still', stillTime(scene, second)]);
  const packed = done(
    await hub(
      scene,
      'open',
      id,
      ...officer(scene),
      '--masks',
      masks,
      ...stills,
      '--pack',
      copy,
      '--zip',
      '--json',
    ),
  );
  const { passphrase } = JSON.parse(packed.stdout) as { passphrase: string };
  writeFileSync(join(folder, 'copy.zip'), readFileSync(copy));
  writeFileSync(join(folder, 'passphrase'), `${passphrase}\n`, { mode: 0o600 });
  return `an AES-256 ZIP with a masked clip and ${stillSeconds.length} masked stills; its passphrase was shown once`;
}

const stillTime = ({ filmedFrom }: CaseScene, second: number): string =>
  instantText(Math.round(filmedFrom + second * 1000));

async function checkOutside(scene: CaseScene): Promise<string> {
  outsider(machine(scene, 'police'), 'age');
  const folder = machine(scene, 'citizen');
  const last = outsider(folder, 'zip', readFileSync(join(folder, 'passphrase'), 'utf8').trim());
  for (const who of ['police', 'citizen'] as const) {
    const at = machine(scene, who);
    done(await type('hub', ['verify', join(at, 'copy'), '--root', join(at, 'root.pub')]));
  }
  return `age, 7z, openssl and sha256sum: ${last}; hub verify says the same`;
}

async function lookAtPictures(scene: CaseScene): Promise<string> {
  const folder = join(machine(scene, 'citizen'), 'copy');
  const names = readdirSync(folder);
  if (names.some((name) => /^(?:viewing.*\.mp4|fotogramma|original)/.test(name)))
    throw new Error(`something plain left: ${names.join(', ')}`);
  const stills = names.filter((name) => name.endsWith('.png')).sort();
  if (stills.length !== stillSeconds.length) throw new Error(`${stills.length} stills`);
  const said: string[] = [];
  for (const [index, name] of stills.entries()) {
    const second = stillSeconds[index] as number;
    const { left, right, top, bottom, share, difference, dark } = await look(
      join(folder, name),
      clip,
      second,
    );
    const wide = right - left;
    const high = bottom - top;
    if (share < 0.005 || share > 0.05 || wide > 100 || high > 150)
      throw new Error(`${name} shows ${wide}×${high}, ${(share * 100).toFixed(1)} % of the picture`);
    if (difference > 5)
      throw new Error(`${name} is not what was filmed there: differs by ${difference.toFixed(1)}`);
    // Without the person the pavement alone would be there.
    if (dark < 0.05) throw new Error(`${name} shows nobody: ${(dark * 100).toFixed(1)} % dark`);
    said.push(`${wide}×${high} at ${left},${top}`);
  }
  return `of 768×576 there is to be seen ${said.join('; ')}`;
}

async function tamper(scene: CaseScene): Promise<string> {
  const at = machine(scene, 'citizen');
  const film = join(at, 'copy', 'oscurato.mp4');
  const bytes = readFileSync(film);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
  writeFileSync(film, bytes);
  const { code, stdout } = await type('hub', [
    'verify',
    join(at, 'copy'),
    '--root',
    join(at, 'root.pub'),
    '--json',
  ]);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
  writeFileSync(film, bytes);
  const failed = JSON.parse(stdout).checks.find(({ ok }: { ok: boolean }) => !ok);
  if (code !== 1 || failed?.code !== 'files-differ') throw new Error('a changed film passes for authentic');
  return failed.why;
}

async function close(scene: CaseScene): Promise<string> {
  const said: string[] = [];
  for (const { id, who } of scene.cases) {
    const { stdout } = done(await hub(scene, 'close', id, '--json'));
    const { files, bytes } = JSON.parse(stdout) as { files: number; bytes: number };
    if (!(files > 0)) throw new Error(`nothing of the ${who} was deleted`);
    const folder = join(scene.site.hub, 'data', 'cases', id);
    const left = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.age'),
    );
    if (left.length > 0) throw new Error(`${left.join(', ')} is still there`);
    done(await hub(scene, 'minutes', id, '--out', join(scene.site.dir, `verbale-${who}.pdf`)));
    said.push(`${who}: ${files} files, ${(bytes / 1e6).toFixed(1)} MB`);
  }
  return `${said.join('; ')}; minutes, manifests and hashes stay`;
}

const acts = ['request', 'prepared', 'authorised', 'delivered', 'opened', 'minutes', 'packaged', 'closed'];

async function audit(scene: CaseScene): Promise<string> {
  for (const { id, who, request } of scene.cases) {
    const { stdout } = done(await hub(scene, 'register', '--json'));
    const lines = (JSON.parse(stdout).lines as { kind: string; case?: string; request?: string }[]).filter(
      (line) => line.case === id || (line.kind === 'request' && line.request === request),
    );
    const missing = acts.filter((act) => !lines.some(({ kind }) => kind === act));
    if (missing.length > 0) throw new Error(`the register has no ${missing.join(', ')} of the ${who}`);
  }
  const { stdout: witnessed } = done(await hub(scene, 'register', '--check', '--json'));
  const heads = (JSON.parse(witnessed).nodes as { heads: number }[]).reduce((sum, one) => sum + one.heads, 0);
  if (heads === 0) throw new Error('no node wrote down the head of the register');
  const pictures = clearPictures(scene.site.dir);
  if (pictures.length > 0) throw new Error(`in the clear: ${pictures.join(', ')}`);
  done(
    await type('agent', ['verify', '--store', scene.site.store, '--root', join(scene.site.hub, 'root.pub')]),
  );
  return `${acts.join(', ')}, of both cases; ${heads} heads of it that the node wrote down agree; store and log of the node verify`;
}
