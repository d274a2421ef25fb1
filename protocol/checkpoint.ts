import type { KeyObject } from 'node:crypto';
import { Failure } from './failure.ts';
import type { PublicKey } from './key.ts';
import { cosignatureLine, parseNote, signNote, verifyCosignature, verifyNote } from './note.ts';

/** The head of a node's log as a C2SP checkpoint, and the hub's answer to it. */

/** Origin and key name of a node's log. */
export function logOrigin(node: string): string {
  return `peio/v1/${node}`;
}

/** The hub's key name. */
export const hubName = logOrigin('hub');

export interface LogHead {
  size: number;
  root: Buffer;
  /** SHA-256, hex, of the policy envelope in force at the node. */
  policyHash: string;
  policyVersion: number;
}

const statementTitle = 'peio/v1/hub/statement';
const statementBegins = `\n\n${statementTitle}\n`;

/** The checkpoint's text: origin, size, root, then what policy is in force, as an extension line. */
function headText(node: string, head: LogHead): string {
  return `${logOrigin(node)}\n${head.size}\n${head.root.toString('base64')}\npolicy ${head.policyVersion} ${head.policyHash}\n`;
}

export function signCheckpoint(node: string, head: LogHead, key: KeyObject): string {
  return signNote(headText(node, head), logOrigin(node), key);
}

function parseHead(node: string, text: string): LogHead {
  const match =
    /^([^\n]+)\n(0|[1-9]\d{0,14})\n([A-Za-z0-9+/]{43}=)\npolicy ([1-9]\d{0,9}) ([0-9a-f]{64})\n$/.exec(text);
  if (!match || match[1] !== logOrigin(node))
    throw new Failure('invalid', 'checkpoint-malformed', `not a checkpoint of ${node}`);
  return {
    size: Number(match[2]),
    root: Buffer.from(match[3] as string, 'base64'),
    policyVersion: Number(match[4]),
    policyHash: match[5] as string,
  };
}

/**
 * The head in a checkpoint, or in the hub's answer to one, believed of nobody: for a check that has no key. Throws
 * `note-malformed` or `checkpoint-malformed`.
 */
export function readCheckpoint(node: string, note: string): LogHead {
  const cut = note.indexOf(statementBegins);
  return parseHead(node, parseNote(cut < 0 ? note : note.slice(0, cut + 1)).text);
}

/** Throws `note-malformed`, `note-signature` or `checkpoint-malformed`. */
export function verifyCheckpoint(node: string, note: string, key: PublicKey): LogHead {
  return parseHead(node, verifyNote(parseNote(note), logOrigin(node), key));
}

/** What the hub says with a cosignature, signed beside it: fresh policy, and its own register's head. */
export interface HubStatement {
  policyVersion: number;
  registerSize: number;
  /** Hex SHA-256 of the register's last line; 64 zeros while it is empty. */
  registerHead: string;
}

/**
 * The hub's answer: the checkpoint with its cosignature/v1 line, a blank line, and a second note that binds the
 * hub's statement to this head. Two notes, because a cosignature may not change the text it signs.
 */
export function cosignCheckpoint(
  node: string,
  note: string,
  statement: HubStatement,
  key: KeyObject,
  utcMs: number,
): string {
  const { text } = parseNote(note);
  const head = parseHead(node, text);
  const said = `${statementTitle}\nnode ${node}\nsize ${head.size}\npolicy ${statement.policyVersion}\nregister ${statement.registerSize} ${statement.registerHead}\ntime ${Math.floor(utcMs / 1000)}\n`;
  return `${note}${cosignatureLine(text, hubName, key, utcMs)}\n${signNote(said, hubName, key)}`;
}

export interface Cosigned {
  head: LogHead;
  /** When the hub cosigned, milliseconds, whole seconds. */
  at: number;
  statement: HubStatement;
  /** As it came: what a third party verifies. */
  message: string;
}

/** Throws `note-malformed`, `note-signature`, `checkpoint-malformed`. The node's own signature is checked too. */
export function verifyCosigned(
  node: string,
  message: string,
  nodeKey: PublicKey,
  hubKey: PublicKey,
): Cosigned {
  const cut = message.indexOf(statementBegins);
  if (cut < 0) throw new Failure('invalid', 'note-malformed', 'the hub statement is missing');
  const note = parseNote(message.slice(0, cut + 1));
  const head = parseHead(node, verifyNote(note, logOrigin(node), nodeKey));
  const at = verifyCosignature(note, hubName, hubKey);
  const said = verifyNote(parseNote(message.slice(cut + 2)), hubName, hubKey);
  const match =
    /^[^\n]+\nnode ([^\n]+)\nsize (\d{1,15})\npolicy (\d{1,10})\nregister (\d{1,15}) ([0-9a-f]{64})\ntime (\d{1,12})\n$/.exec(
      said,
    );
  if (!match || match[1] !== node || Number(match[2]) !== head.size || Number(match[6]) * 1000 !== at)
    throw new Failure('invalid', 'note-malformed', 'the hub statement is about another head');
  return {
    head,
    at,
    message,
    statement: {
      policyVersion: Number(match[3]),
      registerSize: Number(match[4]),
      registerHead: match[5] as string,
    },
  };
}
