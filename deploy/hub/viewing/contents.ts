import type { KeyObject } from 'node:crypto';
import { hubName } from '#protocol/checkpoint.ts';
import { Failure } from '#protocol/failure.ts';
import type { PublicKey } from '#protocol/key.ts';
import { parseNote, signNote, verifyNote } from '#protocol/note.ts';

/** What a package holds, signed by the hub when it enters the copy in its register: `sha256sum -c` reads the lines. */
export interface Contents {
  case: string;
  /** The line of the register, and its hash. */
  register: { seq: number; hash: string };
  /** UTC milliseconds, whole seconds. */
  at: number;
  files: { name: string; sha256: string }[];
}

const title = 'peio/v1/hub/package';
/** The names and hashes of a package with its most originals. */
export const maxContentsBytes = 512 * 1024;

export function signContents({ case: id, register, at, files }: Contents, key: KeyObject): string {
  const lines = files.map(({ name, sha256 }) => `${sha256}  ${name}`);
  const head = [
    title,
    `case ${id}`,
    `register ${register.seq} ${register.hash}`,
    `time ${Math.floor(at / 1000)}`,
  ];
  return signNote(`${[...head, ...lines].join('\n')}\n`, hubName, key);
}

/** Throws `note-malformed`, `note-signature`, `contents-malformed`. */
export function verifyContents(note: string, hub: PublicKey): Contents {
  const text = verifyNote(parseNote(note, maxContentsBytes), hubName, hub);
  const match =
    /^([^\n]+)\ncase ([0-9a-f-]{36})\nregister (\d{1,15}) ([0-9a-f]{64})\ntime (\d{1,12})\n((?:[0-9a-f]{64} {2}[^\n]+\n)+)$/.exec(
      text,
    );
  if (!match || match[1] !== title)
    throw new Failure('invalid', 'contents-malformed', 'not the contents of a package');
  return {
    case: match[2] as string,
    register: { seq: Number(match[3]), hash: match[4] as string },
    at: Number(match[5]) * 1000,
    files: (match[6] as string)
      .trimEnd()
      .split('\n')
      .map((line) => ({ sha256: line.slice(0, 64), name: line.slice(66) })),
  };
}
