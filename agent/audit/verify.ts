import { basename, dirname, join } from 'node:path';
import { type LogHead, readCheckpoint, verifyCheckpoint } from '#protocol/checkpoint.ts';
import { codeOf, Failure, sentenceOf } from '#protocol/failure.ts';
import type { PublicKey } from '#protocol/key.ts';
import { type Files, readIfThere } from '../platform/files.ts';
import { followLine } from './line.ts';
import { linesOf } from './lines.ts';
import {
  asideMark,
  baseFile,
  checkpointFile,
  cosignedFile,
  logFile,
  monthsOf,
  readPlace,
  startOfFiles,
} from './place.ts';

export interface Finding {
  path: string;
  /** `audit-torn` is recoverable; `audit-malformed`, `audit-seq`, `audit-chain`, `audit-base`, `audit-truncated`,
   * `audit-root`, `audit-head`, `audit-unreadable`, `audit-aside`, `note-signature` are problems. */
  code: string;
  severity: 'problem' | 'recoverable';
  detail: string;
}

export interface AuditVerdict {
  /** Sequence numbers of the first and last line that hold together; zero for an empty log. */
  firstSeq: number;
  lastSeq: number;
  findings: Finding[];
}

/**
 * Reads a log from its first line to its last, whatever its length, without trusting any remembered place but the one
 * that stands for months past retention. With `key` the head's signature is checked too.
 */
export async function verifyAudit(
  files: Files,
  folder: string,
  of: { node: string; key?: PublicKey | undefined },
): Promise<AuditVerdict> {
  const findings: Finding[] = [];
  const problem = (path: string, code: string, detail: string): void => {
    findings.push({ path, code, severity: 'problem', detail });
  };
  const heads: { path: string; head: LogHead }[] = [];
  for (const path of [checkpointFile(folder), cosignedFile(folder)]) {
    const note = (await readIfThere(files, path, 64 * 1024))?.toString('utf8');
    if (note === undefined) continue;
    try {
      const head = readCheckpoint(of.node, note);
      if (of.key && path === checkpointFile(folder)) verifyCheckpoint(of.node, note, of.key);
      heads.push({ path, head });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      problem(path, error.code === 'note-signature' ? error.code : 'audit-head', sentenceOf(error));
    }
  }

  for (const { name } of await files.list(dirname(folder)))
    if (name.startsWith(`${basename(folder)}${asideMark}`))
      problem(join(dirname(folder), name), 'audit-aside', 'an earlier log that was not what had been signed');
  const months = await monthsOf(files, folder);
  const first = months[0];
  const { position } =
    (first !== undefined && (await readPlace(files, baseFile(folder, first)))) || startOfFiles();
  const firstSeq = position.tree.size + 1;
  const passed = (): void => {
    for (const { path, head } of heads)
      if (head.size === position.tree.size && !head.root.equals(position.tree.root()))
        problem(path, 'audit-root', `line ${head.size} or one before it is not the one that was signed`);
  };
  passed();
  for (const month of months) {
    const path = logFile(folder, month);
    const base = await readPlace(files, baseFile(folder, month));
    if (base ? !base.position.tree.root().equals(position.tree.root()) : position.tree.size > 0)
      problem(baseFile(folder, month), 'audit-base', 'does not stand for the lines before it');
    try {
      for await (const line of linesOf(files, path, 0)) {
        if (line.whole) {
          followLine(position, line.bytes);
          passed();
        } else if (month === months.at(-1))
          findings.push({
            path,
            code: 'audit-torn',
            severity: 'recoverable',
            detail: `${line.bytes.length} bytes behind the last line`,
          });
        else problem(path, 'audit-malformed', 'the last line is torn');
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      problem(path, codeOf(error), sentenceOf(error));
      return { firstSeq, lastSeq: position.tree.size, findings };
    }
  }
  for (const { path, head } of heads)
    if (head.size > position.tree.size)
      problem(path, 'audit-truncated', `the log ends at ${position.tree.size}, signed were ${head.size}`);
  return { firstSeq, lastSeq: position.tree.size, findings };
}
