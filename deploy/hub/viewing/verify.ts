import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { maxCommandBytes } from '#protocol/command.ts';
import { parseJson, sha256 } from '#protocol/envelope.ts';
import { Failure, sentenceOf } from '#protocol/failure.ts';
import { caseFile } from '../cases/case.ts';
import { proofSchema, verifyProof } from '../logs/proof.ts';
import { maxContentsBytes, verifyContents } from './contents.ts';
import { differing, type Evidence, hashFile, readDelivered, readEvidence, readPart } from './evidence.ts';
import { type Grounds, hubKeys, nodeKeys, withAny } from './grounds.ts';
import { contentsName } from './package-parts.ts';
import { packagePolicies } from './policy-of.ts';
import { requireMinutes } from './verify-minutes.ts';

export interface Check {
  what: 'policy' | 'evidence' | 'files' | 'contents' | 'minutes' | 'proof';
  ok: boolean;
  /** There is nothing to check any more: the case was closed. */
  deleted?: boolean;
  code?: string;
  why?: string;
}

/** Runs checks one after the other; a failure is an answer, and what rests on it is not asked any more. */
async function checks(
  run: (check: <T>(what: Check['what'], work: () => T | Promise<T>) => Promise<T>) => Promise<void>,
): Promise<Check[]> {
  const done: Check[] = [];
  const stop = Symbol('stop');
  const check = async <T>(what: Check['what'], work: () => T | Promise<T>): Promise<T> => {
    try {
      const value = await work();
      done.push({ what, ok: true });
      return value;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      done.push({ what, ok: false, code: error.code, why: sentenceOf(error) });
      throw stop;
    }
  };
  try {
    await run(check);
  } catch (error) {
    if (error !== stop) throw error;
  }
  return done;
}

/** The folder of a case at the hub: its sealed files against the signed manifest. */
export async function verifyCase(folder: string, grounds: Grounds): Promise<Check[]> {
  const done = await checks(async (check) => {
    const { manifest } = await check('evidence', () => readDelivered(folder, grounds));
    if (isClosed(folder)) return;
    await check('files', async () => {
      const wrong = await differing(folder, manifest);
      if (wrong.length > 0)
        throw new Failure(
          'corrupt',
          'files-differ',
          wrong.map(({ name, why }) => `${name} ${why}`).join(', '),
        );
    });
  });
  return isClosed(folder) ? [...done, { what: 'files', ok: true, deleted: true }] : done;
}

function isClosed(folder: string): boolean {
  const file = join(folder, 'case.json');
  const parsed = caseFile.safeParse(existsSync(file) && parseJson(readFileSync(file)));
  return parsed.success && parsed.data.state === 'closed';
}

/** An unpacked package: root → policy → hub, persons and node → contents, command, manifest, minutes and log → files. */
export function verifyPackage(folder: string, rootFile: string): Promise<Check[]> {
  return checks(async (check) => {
    const grounds = await check('policy', () => packagePolicies(folder, rootFile));
    const evidence = await check('evidence', () => readEvidence(folder, grounds));
    const contents = await check('contents', () => {
      const note = readPart(folder, contentsName, maxContentsBytes).toString('utf8');
      const found = withAny(hubKeys(grounds), (key) => verifyContents(note, key));
      if (found.case !== evidence.command.id)
        throw new Failure('denied', 'other-case', 'the contents are of another case');
      return found;
    });
    await check('files', () => requireFiles(folder, contents.files));
    await check('minutes', () => requireMinutes(folder, hubKeys(grounds), evidence, contents));
    await check('proof', () => requireProof(folder, grounds, evidence));
  });
}

/** Every file that is listed, as it is listed, and no other. */
async function requireFiles(
  folder: string,
  listed: readonly { name: string; sha256: string }[],
): Promise<void> {
  const wrong: string[] = [];
  const there = readdirSync(folder, { recursive: true, withFileTypes: true });
  const present = new Set(
    there.filter((one) => !one.isDirectory()).map((one) => relative(folder, join(one.parentPath, one.name))),
  );
  present.delete(contentsName);
  for (const { name, sha256 } of listed) {
    if (!present.delete(name)) wrong.push(`${name} missing`);
    else if ((await hashFile(join(folder, name))) !== sha256) wrong.push(`${name} changed`);
  }
  wrong.push(...[...present].map((name) => `${name} added`));
  if (wrong.length > 0) throw new Failure('corrupt', 'files-differ', wrong.join(', '));
}

/** The node's log holds the acceptance of this very command, under a head that the hub cosigned. */
function requireProof(folder: string, grounds: Grounds, { command, manifest }: Evidence): void {
  const parsed = proofSchema.safeParse(parseJson(readPart(folder, 'proof.json', 256 * 1024)));
  if (!parsed.success || parsed.data.node !== command.node)
    throw new Failure('invalid', 'proof-invalid', 'proof.json is no proof of this node');
  const { line } = withAny(nodeKeys(grounds, command.node), (node) =>
    withAny(hubKeys(grounds), (hub) => verifyProof(parsed.data, { node, hub }, manifest.auditSeq)),
  );
  const message = sha256(readPart(folder, 'command.dsse.json', maxCommandBytes));
  const same = line.kind === 'command-accepted' && line['id'] === command.id && line['hash'] === message;
  if (!same)
    throw new Failure('denied', 'proof-invalid', `line ${line.seq} of the log is about something else`);
}
