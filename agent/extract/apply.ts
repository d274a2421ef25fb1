import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { maxCommandBytes } from '#protocol/command.ts';
import { parseEnvelope, parseJson, payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { uuidV7 } from '#protocol/ids.ts';
import type { LineProof } from '#protocol/proof.ts';
import type { CommandStatus } from '#protocol/status.ts';
import type { Commands } from '../command/commands.ts';
import { type Files, makeFolderDurably, writeDurably } from '../platform/files.ts';
import type { Copies } from './copies.ts';

export interface ApplyParts {
  files: Files;
  commands: Commands;
  copies: Copies;
  key: KeyObject;
  /** That a line stands under the head of now. */
  prove(seq: number): Promise<LineProof>;
}

/**
 * A signed command from a stick: the same checks, journal and log as one from the broker, its footage copied into
 * `folder`, which must be empty. Beside the copy it leaves `command.dsse.json`, `status.dsse.json` and `proof.json`,
 * the lines of the acceptance and of the outcome under the log's head, refusals included. Gives the last status.
 * Throws `out-not-empty` (usage); `out-refused` (unavailable) when the folder does not take them, before the command is
 * taken where that shows; `not-taken` (unavailable) when the disk would not take the journal or the log.
 */
export async function applyCommand(
  parts: ApplyParts,
  message: Buffer,
  folder: string,
  signal: AbortSignal,
): Promise<CommandStatus> {
  const { files, commands, copies } = parts;
  const refused = (cause: unknown): never => {
    const code = codeOf(cause);
    const whose = ['EACCES', 'EPERM', 'EROFS'].includes(code)
      ? ': it must be writable for the user that the agent runs as'
      : '';
    throw new Failure('unavailable', 'out-refused', `${folder} does not take files (${code})${whose}`, {
      cause,
    });
  };
  const leave = (name: string, bytes: Buffer | string): Promise<void> =>
    writeDurably(files, join(folder, name), bytes).catch(refused);
  if ((await files.list(folder).catch(refused)).length > 0)
    throw new Failure('usage', 'out-not-empty', `${folder} is not empty`);
  await makeFolderDurably(files, folder).catch(refused);
  // Before its id is taken: two persons would have to sign another.
  await leave('command.dsse.json', message);
  const id = claimedId(message);
  if (id !== undefined) copies.into(id, folder);
  try {
    const first = await commands.receive(message, 'usb');
    if (first === undefined) {
      await files.remove(join(folder, 'command.dsse.json')).catch(refused);
      throw new Failure('unavailable', 'not-taken', 'the journal or the log cannot be written');
    }
    const over = first.state !== 'accepted' && first.state !== 'running';
    const last = over ? first : ((await commands.ended(first.id, signal)) ?? first);
    const lines = [...new Set([first.auditSeq, last.auditSeq])];
    const proofs: LineProof[] = [];
    for (const seq of lines) proofs.push(await parts.prove(seq));
    const status = signEnvelope(payloadTypes.status, Buffer.from(JSON.stringify(last)), [parts.key]);
    await leave('status.dsse.json', status);
    await leave('proof.json', `${JSON.stringify({ lines: proofs }, null, 1)}\n`);
    return last;
  } finally {
    if (id !== undefined) await copies.forget(id);
  }
}

const claim = z.object({ id: uuidV7 });

/** The id a message gives itself, believed of nobody: where its footage goes if it turns out to be good. */
function claimedId(message: Buffer): string | undefined {
  try {
    return claim.parse(parseJson(parseEnvelope(message, maxCommandBytes).payload)).id;
  } catch {
    return undefined;
  }
}
