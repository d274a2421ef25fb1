import { join } from 'node:path';
import { logOrigin } from '#protocol/checkpoint.ts';
import { Failure, sentenceOf } from '#protocol/failure.ts';
import { type PublicKey, parsePublicPem } from '#protocol/key.ts';
import { maxPolicyBytes, type Policy, parsePolicy, verifyPolicy } from '#protocol/policy.ts';
import { checkpointFile } from '../audit/place.ts';
import { verifyAudit } from '../audit/verify.ts';
import { systemClock } from '../platform/clock.ts';
import { type Files, readIfThere, systemFiles } from '../platform/files.ts';
import { storeLocks } from '../platform/lock.ts';
import type { Recovered } from '../store/recover.ts';
import { repairStore } from '../store/repair.ts';
import { isStore, verifyStore } from '../store/verify.ts';
import { ifReadable } from '../store/verify-file.ts';
import { type Command, required } from './arguments.ts';

interface Finding {
  path: string;
  code: string;
  severity: 'problem' | 'recoverable' | 'notice';
  detail: string;
}

export const verifyCommand: Command = {
  name: 'verify',
  usage: '--store DIR [--root FILE] [--repair] [--json]',
  summary: 'Checks store, ledgers, policy and log, offline; exit 1 when something is wrong',
  words: 0,
  options: {
    store: { type: 'string', value: 'DIR', describe: 'folder of the store' },
    root: {
      type: 'string',
      value: 'FILE',
      describe: 'public keys of the roots: checks the signatures of the policy in the store too',
    },
    repair: {
      type: 'boolean',
      describe: 'first does what the next start would: enters, cuts and keeps what a crash left; says what',
    },
    json: { type: 'boolean', describe: 'as JSON' },
  },
  async run(values) {
    const dir = required(values, 'store');
    const files = systemFiles;
    const roots = typeof values['root'] === 'string' ? await rootsOf(files, values['root']) : undefined;
    if (!(await isStore(files, dir)))
      throw new Failure('unavailable', 'store-missing', `there is no store at ${dir}`);
    const repaired = values['repair']
      ? await repairStore({ files, locks: storeLocks(files), clock: systemClock, dir })
      : undefined;
    const store = await verifyStore(files, dir, { full: true, now: systemClock.utc() });
    const findings: Finding[] = [...store.findings];
    const policy = await ifReadable(join(dir, 'policy.dsse.json'), findings, () =>
      verifiedPolicy(files, dir, roots),
    );
    const folder = join(dir, 'audit');
    const audit = await ifReadable(folder, findings, async () => {
      const node = await nodeOf(files, dir);
      const key = policy?.value?.nodes.find(({ id }) => id === node)?.key;
      return await verifyAudit(files, folder, { node, key });
    });
    findings.push(...(policy?.findings ?? []), ...(audit?.findings ?? []));
    const problems = findings.filter(({ severity }) => severity === 'problem').length;
    const result = {
      ok: problems === 0,
      cameras: store.cameras,
      segments: store.segments,
      bytes: store.bytes,
      auditLines: audit === undefined || audit.lastSeq === 0 ? 0 : audit.lastSeq - audit.firstSeq + 1,
      findings,
      ...(repaired === undefined ? {} : { repaired }),
    };
    process.stdout.write(values['json'] ? `${JSON.stringify(result)}\n` : asText(result, problems));
    return problems === 0 ? 0 : 1;
  },
};

interface Result {
  cameras: number;
  segments: number;
  bytes: number;
  auditLines: number;
  findings: Finding[];
  repaired?: Recovered[];
}

function asText(result: Result, problems: number): string {
  const shape = { problem: '▲', recoverable: '◐', notice: '○' };
  const first =
    problems === 0
      ? 'The store holds what it says.'
      : `${problems === 1 ? 'One problem' : `${problems} problems`} in the store.`;
  const lines = result.findings.map(
    ({ path, code, severity, detail }) => `${shape[severity]} ${severity} ${code}  ${path}  ${detail}`,
  );
  const last = `${result.cameras} cameras, ${result.segments} segments, ${result.bytes} bytes, ${result.auditLines} log lines`;
  const mended = result.repaired?.map(({ code, path }) => `● mended ${code}  ${path}`) ?? [];
  return `${[...mended, first, ...lines, last].join('\n')}\n`;
}

/** Whose log it is, by the head that was signed. */
async function nodeOf(files: Files, dir: string): Promise<string> {
  const note = await readIfThere(files, checkpointFile(join(dir, 'audit')), 64 * 1024);
  const origin = note?.toString('utf8').split('\n')[0] ?? '';
  return origin.startsWith(logOrigin('')) ? origin.slice(logOrigin('').length) : '';
}

/** Whoever asks for signatures to be checked is not answered without. */
async function rootsOf(files: Files, path: string): Promise<PublicKey[]> {
  const text = await readIfThere(files, path, 64 * 1024);
  if (text === undefined)
    throw new Failure('unavailable', 'root-missing', `there is no key of a root at ${path}`);
  return parsePublicPem(text.toString());
}

/** The policy in the store; with `roots` its signatures are checked, without it only its form. */
async function verifiedPolicy(
  files: Files,
  dir: string,
  roots: PublicKey[] | undefined,
): Promise<{ value: Policy | undefined; findings: Finding[] }> {
  const path = join(dir, 'policy.dsse.json');
  const bytes = await readIfThere(files, path, maxPolicyBytes);
  if (bytes === undefined) return { value: undefined, findings: [] };
  try {
    if (roots === undefined) return { value: parsePolicy(bytes).policy, findings: [] };
    return { value: verifyPolicy(bytes, { roots, threshold: 1 }), findings: [] };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const finding: Finding = { path, code: error.code, severity: 'problem', detail: sentenceOf(error) };
    return { value: undefined, findings: [finding] };
  }
}
