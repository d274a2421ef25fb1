import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#agent/platform/clock.ts';
import { exitCodes, Failure } from '#protocol/failure.ts';
import type { Manifest } from '#protocol/manifest.ts';
import { requireFit } from '../cases/opening.ts';
import { cameraName } from '../settings.ts';
import { readTrusted } from '../trust.ts';
import { differing, type Evidence, readEvidence } from '../viewing/evidence.ts';
import { readIdentity } from '../viewing/identity.ts';
import { saveOriginals } from '../viewing/originals.ts';
import { requireRecipient, requireRoomFor, type Sealing, writePackage } from '../viewing/package-file.ts';
import { caseFolder, contentsPart, filePart, packageParts } from '../viewing/package-parts.ts';
import { policyOf } from '../viewing/policy-of.ts';
import { forbidCoreDumps, openRamFolder } from '../viewing/ram.ts';
import { caseId, latestNote } from './case-id.ts';
import type { Call, Command } from './command.ts';
import { type MadeMinutes, makeMinutes } from './minutes.ts';
import { openPicture } from './open-picture.ts';
import { readPassphrase } from './passphrase.ts';
import { makePictures, type Pictures, wantedOf } from './pictures.ts';
import { reviewDay } from './review-day.ts';
import { texts } from './texts.ts';
import { filmTime, localTime } from './times.ts';
import { untilClosed } from './until-closed.ts';
import { untilEnter } from './until-enter.ts';

export const open: Command = {
  summary: 'Opens the footage of a complete case in memory, or packs it encrypted for the requester.',
  usage: 'ID --identity FILE [--with NAME …] [--masks FILE [--draw]] [--pack FILE (--for age1… | --zip)]',
  notes: `The register notes the viewing first. Clear pictures lie in a RAM-backed folder while this command runs:
until Enter, an interrupt, "hub close", or at once with --once or --pack. For records-access and data-subject everything
that is shown or packed is masked: --masks FILE, or --draw to draw the regions on a page of this computer. ${latestNote}`,
  arguments: { least: 1, most: 1 },
  options: {
    identity: { type: 'string', value: 'FILE', help: 'age identity of the officer' },
    'passphrase-file': { type: 'string', value: 'FILE', help: 'file with its passphrase (else asked for)' },
    with: { type: 'string', multiple: true, value: 'NAME', help: 'who else is present (Art. 6 c. 5 and 7)' },
    out: { type: 'string', value: 'DIR', help: 'RAM-backed folder (/dev/shm)' },
    'allow-swap': { type: 'boolean', help: 'the swap of this machine is encrypted; noted in the register' },
    review: { type: 'string', value: 'DATE', help: 'another day to look whether the case can be closed' },
    still: {
      type: 'string',
      multiple: true,
      value: 'TIME',
      help: 'take the picture of that instant; into the package too',
    },
    jpeg: { type: 'boolean', help: 'stills as JPEG (else PNG)' },
    'stills-only': { type: 'boolean', help: 'no film, only the pictures of --still' },
    masks: { type: 'string', value: 'FILE', help: 'regions to mask, or to leave (masks.json)' },
    draw: { type: 'boolean', help: 'draw them over a still, and save them into FILE of --masks' },
    original: { type: 'boolean', help: 'the segments as recorded too (police and defence only)' },
    once: { type: 'boolean', help: 'check, join, say what is there, and end' },
    pack: { type: 'string', value: 'FILE', help: 'write an encrypted package and end' },
    for: { type: 'string', value: 'age1…', help: "the requester's age recipient" },
    zip: { type: 'boolean', help: 'AES-256 ZIP; its passphrase is made and shown once' },
    json: { type: 'boolean', help: 'what is there, as JSON' },
  },
  async run(call) {
    const id = await caseId(call);
    const sealing = sealingOf(call);
    const wanted = wantedOf(call);
    const history = readTrusted(call.dir);
    const client = call.client();
    const { type, purpose } = await client.get('GET /case', { id });
    if (type === 'snapshot') return await openPicture(call, id);
    if (purpose === undefined || purpose === 'maintenance')
      throw new Failure('denied', 'not-a-film', `case ${id} is a ${type}: there is nothing to open`);
    const masks = wanted.draw === undefined ? wanted.masks?.sha256 : 'draw';
    requireFit(purpose, { masked: masks !== undefined, original: wanted.original });
    await forbidCoreDumps();
    const ram = openRamFolder(call.option('out') ?? '/dev/shm', call.flag('allow-swap'));
    // A guard takes the pictures along when this process is killed; every other end does so here.
    process.on('exit', () => ram.remove());
    let shown = false;
    let watching: { stop(): void } | undefined;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        call.terminal.note(call.texts().opened.gone);
        // After the film was shown this is the ordinary end; before, nothing was.
        process.exit(shown ? exitCodes.done : exitCodes.checkFailed);
      });
    try {
      const passphrase = async (): Promise<string> => {
        const file = call.option('passphrase-file');
        return file ? readPassphrase(file) : await call.terminal.ask('Passphrase: ', { hidden: true });
      };
      const identity = await readIdentity(call.need('identity'), passphrase);
      const { seq: line } = await client.post('view', {
        by: call.by,
        id,
        recipient: identity.recipient,
        present: call.options('with'),
        swap: call.flag('allow-swap'),
        ...(masks === undefined ? {} : { masks }),
        ...(wanted.original ? { original: true } : {}),
        ...reviewDay(call),
      });
      const folder = caseFolder(call.dir, id);
      // A copy that is being written is noted, and ends by itself.
      if (sealing === undefined)
        watching = untilClosed(folder, systemClock, () => {
          call.terminal.note(call.texts().opened.closed);
          process.exit(shown ? exitCodes.done : exitCodes.checkFailed);
        });
      const evidence = readEvidence(folder, policyOf(history, folder));
      const wrong = await differing(folder, evidence.manifest);
      if (wrong[0])
        throw new Failure(
          'corrupt',
          'files-differ',
          `${wrong[0].name} is ${wrong[0].why}: nothing is opened`,
        );
      const pictures = await makePictures(call, { folder, evidence, secret: identity.secret, ram }, wanted);
      const minutes = await makeMinutes(call, id, line, pictures);
      pictures.forget();
      if (sealing) return await pack(call, id, evidence, pictures, minutes, sealing);
      await saveOriginals(pictures.originals, ram);
      writeFileSync(join(ram.path, 'verbale.pdf'), minutes.pdf, { mode: 0o600 });
      show(call, id, evidence.manifest, pictures, ram.path);
      shown = true;
      if (!call.flag('once')) await untilEnter(call);
      return 0;
    } finally {
      watching?.stop();
      ram.remove();
    }
  },
};

function sealingOf(call: Call): { file: string; sealing: Sealing } | undefined {
  const file = call.option('pack');
  const recipient = call.option('for');
  const zip = call.flag('zip');
  if (file === undefined) {
    if (recipient || zip) throw new Failure('usage', 'usage', '--for and --zip go with --pack FILE');
    return undefined;
  }
  if (zip === (recipient !== undefined))
    throw new Failure(
      'usage',
      'usage',
      '--pack is encrypted: give either --for age1… or --zip (Art. 6 c. 9)',
    );
  requireRoomFor(file);
  if (recipient === undefined) return { file, sealing: { how: 'zip', passphrase: makePassphrase() } };
  requireRecipient(recipient);
  return { file, sealing: { how: 'age', recipient } };
}

/** 120 bits in six groups, from letters and digits that nobody confuses when they are read aloud. */
function makePassphrase(): string {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789x';
  const letters = [...randomBytes(24)].map((byte) => alphabet[byte & 31]);
  return [0, 4, 8, 12, 16, 20].map((at) => letters.slice(at, at + 4).join('')).join('-');
}

async function pack(
  call: Call,
  id: string,
  { command, manifest }: Evidence,
  pictures: Pictures,
  minutes: MadeMinutes,
  { file, sealing }: { file: string; sealing: Sealing },
): Promise<number> {
  const client = call.client();
  const proof = await client.get('GET /proof', { id });
  const parts = [
    ...packageParts({
      caseFolder: caseFolder(call.dir, id),
      hubFolder: call.dir,
      command,
      manifest,
      ...pictures,
      proof,
      camera: cameraName(call.settings(), command.node, command.camera),
      purpose: texts.it.purpose[command.purpose],
      zone: call.settings().zone,
    }),
    filePart('verbale.pdf', minutes.pdf),
    filePart('verbale.json', Buffer.from(minutes.envelope)),
  ];
  const { contents } = await client.post('pack', {
    by: call.by,
    id,
    how: sealing.how,
    ...(sealing.how === 'age' ? { recipient: sealing.recipient } : {}),
    files: parts.map(({ name, sha256 }) => ({ name, sha256 })),
  });
  await writePackage(file, [...parts, contentsPart(contents)], sealing, systemClock.utc());
  const secret = sealing.how === 'zip' ? { passphrase: sealing.passphrase } : {};
  if (call.flag('json')) call.terminal.print(JSON.stringify({ id, package: file, ...secret }));
  else {
    call.terminal.print(call.texts().packed(file));
    if (sealing.how === 'zip') call.terminal.print(call.texts().passphraseOnce(sealing.passphrase));
  }
  return exitCodes.done;
}

function show(
  call: Call,
  id: string,
  { gaps }: Manifest,
  { viewing: { files, incomplete }, stills, originals, masks }: Pictures,
  folder: string,
): void {
  const { terminal } = call;
  if (call.flag('json')) {
    const minutes = join(folder, 'verbale.pdf');
    const given = originals.map(({ name, sha256 }) => ({ path: join(folder, name), sha256 }));
    const through = masks ? { masks: masks.sha256 } : {};
    terminal.print(
      JSON.stringify({ id, folder, files, stills, originals: given, gaps, incomplete, minutes, ...through }),
    );
    return;
  }
  const { opened } = call.texts();
  const local = (utcMs: number): string => localTime(utcMs, call.settings());
  terminal.print(opened.checked);
  for (const { path, durationMs, stretches } of files) {
    terminal.print(opened.file(path, filmTime(durationMs)));
    for (const { atMs, start, end } of stretches)
      terminal.print(opened.shows(filmTime(atMs), local(start), local(end)));
  }
  if (originals.length > 0) terminal.print(opened.originals(join(folder, 'original'), originals.length));
  for (const { path, at } of stills) terminal.print(opened.still(path, local(at)));
  for (const { start, end, reason } of gaps) terminal.print(opened.gap(local(start), local(end), reason));
  for (const { name, end } of incomplete)
    terminal.print(end === 'tampered' ? opened.tampered(name) : opened.incomplete(name));
  terminal.print(opened.minutes(join(folder, 'verbale.pdf')));
}
