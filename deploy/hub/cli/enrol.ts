import { join, resolve } from 'node:path';
import { systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { fingerprintOf, maxRequestBytes, type Secrets } from '#protocol/enrolment.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import {
  type Admitted,
  admitRequest,
  answerTo,
  policyWith,
  secretsIn,
  secretsWanted,
} from '../authority/enrol.ts';
import { makeFolder, placeFile } from '../authority/place.ts';
import { placeTrust } from '../authority/trust-files.ts';
import { adoptPolicy } from '../policies/adopt.ts';
import { readTrusted } from '../trust.ts';
import { brokerOptions, refreshBroker } from './broker.ts';
import { authorityOptions, openCallAuthority } from './ca.ts';
import type { Call, Command } from './command.ts';
import { rootKeys } from './passphrase.ts';

const maxSecretsFileBytes = 256 * 1024;

export const rootOptions = {
  'root-key': { type: 'string', multiple: true, value: 'FILE', help: 'signing key of a root' },
  'passphrase-file': {
    type: 'string',
    multiple: true,
    value: 'FILE',
    help: 'with its passphrase, in the order of the keys (else asked for)',
  },
} as const;

export const enrol: Command = {
  summary: 'Gives boxes their place: certificate, policy with their key, passwords encrypted to them.',
  usage: 'REQUEST… --root-key FILE --out DIR [options]',
  notes: `REQUEST is what "peio-agent enrol" made on the box. Compare the fingerprint with the one the box shows before
you say yes: it is what binds the request to the box. For each node DIR gets NODE.answer.json, for
"peio-agent enrol --answer". The same request again is a new certificate for the same box; another box in the place of
one that has a certificate needs --replace, and ends the old one.
--secrets FILE has lines NAME=user:password, or NODE/NAME=user:password; they are asked for without it.`,
  arguments: { least: 1, most: 1000 },
  options: {
    ...rootOptions,
    ...authorityOptions,
    ...brokerOptions,
    out: { type: 'string', value: 'DIR', help: 'where the answers go, such as the stick' },
    secrets: { type: 'string', value: 'FILE', help: 'passwords of cameras and radios' },
    'no-secrets': { type: 'boolean', help: 'the passwords are on the box, or come later' },
    replace: { type: 'boolean', help: 'another box in the place of one that has a certificate' },
    yes: { type: 'boolean', help: 'the fingerprints were compared' },
    json: { type: 'boolean', help: 'what was done as JSON' },
  },
  async run(call) {
    const settings = call.settings();
    const out = resolve(call.need('out'));
    const requests = await Promise.all(call.positionals.map(readBytes));
    const roots = await rootKeys(call);
    const authority = await openCallAuthority(call);
    const trusted = readTrusted(call.dir);
    const admitted: Admitted[] = [];
    for (const bytes of requests)
      admitted.push(
        await admitRequest(bytes, { authority, trusted, settings, replace: call.flag('replace') }),
      );
    const nodes = admitted.map(({ request }) => request.node);
    const twice = nodes.find((node, index) => nodes.indexOf(node) !== index);
    if (twice !== undefined) throw new Failure('usage', 'usage', `two of the requests are of ${twice}`);
    await compare(call, admitted);
    // A node that had a box has a log here, which a new box does not go on with.
    const before = new Set(authority.all().map(({ name }) => name));
    const secrets = new Map<string, Secrets | undefined>();
    for (const one of admitted) secrets.set(one.request.node, await secretsOf(call, one));

    makeFolder(out);
    // 1 the policy, so that a box that is answered is one that the town knows; 2 certificates and answers. Cut after 1,
    // the same command takes the same requests for renewals.
    const utcMs = systemClock.utc();
    const policy = policyWith(admitted, { trusted, settings, roots, utcMs });
    if (policy !== undefined) await adoptPolicy(call.dir, call.client(), policy, call.by);
    const newest = readTrusted(call.dir);
    const done: { node: string; how: Admitted['how']; file: string }[] = [];
    let ended = 0;
    for (const one of admitted) {
      const { node } = one.request;
      const given = { authority, policy: newest.envelope, roots, secrets: secrets.get(node), utcMs };
      const file = join(out, `${node}.answer.json`);
      const answer = await answerTo(one, given);
      ended += answer.ended;
      placeFile(file, answer.text, 0o644);
      done.push({ node, how: one.how, file });
    }
    placeTrust(call.dir, authority);
    if (ended > 0) await refreshBroker(call);
    for (const { node, how } of done) if (how !== 'renewed' && before.has(node)) await endLog(call, node);
    const { version } = newest.policy;
    if (call.flag('json')) call.terminal.print(JSON.stringify({ policyVersion: version, answers: done }));
    else
      for (const { node, how, file } of done)
        call.terminal.print(`${node}: ${words[settings.lang][how]}, ${file} (policy ${version})`);
    return 0;
  },
};

/** The old box's log is archived, so that the new one may begin its own. Later, where no hub runs. */
async function endLog(call: Call, node: string): Promise<void> {
  try {
    await call.client().post('replace', { by: call.by, node, reason: 'hub enrol' });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    call.terminal.note(`${error.message}\n${node}: hub node replace ${node} --reason …`);
  }
}

const words = {
  it: { new: 'accolto', renewed: 'certificato rinnovato', replaced: 'box sostituito' },
  en: { new: 'taken in', renewed: 'certificate renewed', replaced: 'box replaced' },
} as const;

async function readBytes(file: string): Promise<Buffer> {
  try {
    return await systemFiles.read(file, maxRequestBytes);
  } catch (cause) {
    throw new Failure('usage', 'usage', `${file} cannot be read (${codeOf(cause)})`, { cause });
  }
}

async function compare(call: Call, admitted: readonly Admitted[]): Promise<void> {
  const it = call.settings().lang === 'it';
  for (const { request, how } of admitted)
    call.terminal.note(`${request.node}: ${words[it ? 'it' : 'en'][how]}? ${fingerprintOf(request.hash)}`);
  if (call.flag('yes')) return;
  if (!call.terminal.interactive)
    throw new Failure('usage', 'not-compared', 'compare the fingerprints with the boxes, then give --yes');
  const said = await call.terminal.ask(
    it ? 'Le impronte sono quelle dei box? (sì/no) ' : 'Are these the fingerprints of the boxes? (yes/no) ',
  );
  if (
    !said
      .trim()
      .toLowerCase()
      .startsWith(it ? 's' : 'y')
  )
    throw new Failure('denied', 'not-compared', it ? 'Nulla è cambiato.' : 'Nothing was changed.');
}

/** Undefined: nothing changes on the box. */
async function secretsOf(call: Call, { request, how }: Admitted): Promise<Secrets | undefined> {
  const { node } = request;
  const file = call.option('secrets');
  const given = file === undefined ? {} : secretsIn(await readSecrets(file), node);
  if (call.flag('no-secrets') || how === 'renewed') return given;
  const missing = secretsWanted(call.settings(), node).filter((name) => given[name] === undefined);
  if (missing.length > 0 && !call.terminal.interactive)
    throw new Failure(
      'usage',
      'secrets-missing',
      `${node} needs ${missing.join(', ')}: give --secrets FILE, or --no-secrets`,
    );
  for (const name of missing)
    given[name] = await call.terminal.ask(`${node}/${name} (user:password): `, { hidden: true });
  return given;
}

async function readSecrets(file: string): Promise<string> {
  try {
    return (await systemFiles.read(file, maxSecretsFileBytes)).toString('utf8');
  } catch (cause) {
    throw new Failure('usage', 'usage', `${file} cannot be read (${codeOf(cause)})`, { cause });
  }
}
