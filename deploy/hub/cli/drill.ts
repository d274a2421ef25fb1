import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#agent/platform/clock.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { parseEnvelope, parseJson } from '#protocol/envelope.ts';
import { exitCodes, Failure } from '#protocol/failure.ts';
import { manifestSchema, maxManifestBytes } from '#protocol/manifest.ts';
import { type Policy, recipientsFor } from '#protocol/policy.ts';
import { openSealed, openSealer, parseRecipients, prepareSeal, type SealedEnd } from '#protocol/seal/seal.ts';
import { readTrusted } from '../trust.ts';
import { readPart } from '../viewing/evidence.ts';
import { readIdentity } from '../viewing/identity.ts';
import { caseFolder } from '../viewing/package-parts.ts';
import { forbidCoreDumps } from '../viewing/ram.ts';
import type { Call, Command } from './command.ts';
import { readPassphrase } from './passphrase.ts';

/** More than one chunk of the seal, so that the order of chunks is proved too. */
const sampleBytes = 200_000;

export const drill: Command = {
  summary:
    'Proves with the escrow identity that what nodes seal now, and the newest delivery, can be opened.',
  usage: '--identity FILE [--passphrase-file FILE]',
  notes: `Once a month: a lost officer's identity must not lose the footage. Opens a sample sealed on the spot to the
recipients of every node, and the newest delivered segment; its pictures are decrypted, hashed nowhere, and dropped.
Nothing in the clear is written. Exit codes: 0 everything opened, 1 something did not, 2 not the escrow's identity.`,
  options: {
    identity: { type: 'string', value: 'FILE', help: 'age identity of the escrow' },
    'passphrase-file': { type: 'string', value: 'FILE', help: 'file with its passphrase (else asked for)' },
    json: { type: 'boolean', help: 'the result as JSON' },
  },
  async run(call) {
    const client = call.client();
    const { policy } = readTrusted(call.dir);
    await forbidCoreDumps();
    const identity = await readIdentity(call.need('identity'), async () => {
      const file = call.option('passphrase-file');
      return file ? readPassphrase(file) : await call.terminal.ask('Passphrase: ', { hidden: true });
    });
    const sets = recipientSets(policy);
    const results: { nodes: string[]; opened: boolean }[] = [];
    for (const { nodes, recipients } of sets)
      results.push({ nodes, opened: await opensSample(identity.secret, recipients) });
    const since = policy.recipients.find(({ recipient }) => recipient === identity.recipient)?.from ?? 0;
    const segment = await newestSegment(call, since);
    const opened = segment && (await opensFile(identity.secret, segment.path, segment.torn));
    const sample = results.every((one) => one.opened);
    const entered = await client.post('drill', {
      by: call.by,
      recipient: identity.recipient,
      sample,
      ...(segment ? { segment: { case: segment.case, name: segment.name, opened: opened === true } } : {}),
    });
    if (call.flag('json'))
      call.terminal.print(
        JSON.stringify({ ...entered, recipient: identity.recipient, samples: results, segment: opened }),
      );
    else {
      for (const one of results) call.terminal.print(`${one.opened ? '●' : '▲'} ${one.nodes.join(', ')}`);
      if (segment) call.terminal.print(`${opened ? '●' : '▲'} ${segment.case} ${segment.name}`);
      call.terminal.print(call.texts().drilled(entered.passed));
    }
    return entered.passed ? exitCodes.done : exitCodes.checkFailed;
  },
};

/** Nodes that seal to the same recipients now, together. */
function recipientSets(policy: Policy): { nodes: string[]; recipients: string[] }[] {
  const sets = new Map<string, { nodes: string[]; recipients: string[] }>();
  for (const { id } of policy.nodes) {
    const recipients = recipientsFor(policy, id, systemClock.utc());
    const set = sets.get(recipients.join()) ?? { nodes: [], recipients };
    set.nodes.push(id);
    sets.set(recipients.join(), set);
  }
  return [...sets.values()];
}

async function opensSample(secret: string, recipients: string[]): Promise<boolean> {
  const clear = Buffer.from(systemRandom.bytes(sampleBytes));
  const prepared = await prepareSeal(parseRecipients(recipients), systemRandom);
  const sealer = openSealer(prepared);
  const sealed = [prepared.head, ...sealer.update(clear), ...sealer.final()];
  let at = 0;
  return (
    (await opens(secret, chunksOf(sealed), (bytes) => {
      const same = clear.subarray(at, at + bytes.length).equals(bytes);
      at += bytes.length;
      return same;
    })) && at === clear.length
  );
}

async function* chunksOf(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield piece;
}

/** A segment that a crash tore opens as far as it goes. */
async function opensFile(secret: string, path: string, torn: boolean): Promise<boolean> {
  return await opens(secret, createReadStream(path), () => true, torn ? ['whole', 'torn'] : ['whole']);
}

/** Opens to one of `ends`, in memory, piece by piece. */
async function opens(
  secret: string,
  source: AsyncIterable<Buffer>,
  expected: (bytes: Buffer) => boolean,
  ends: readonly SealedEnd[] = ['whole'],
): Promise<boolean> {
  try {
    const opened = await openSealed({ identities: [secret] }, source);
    let bytes = 0;
    for await (const chunk of opened.chunks()) {
      if (!expected(chunk)) return false;
      bytes += chunk.length;
      chunk.fill(0);
    }
    return bytes > 0 && ends.includes(opened.end() ?? 'tampered');
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

/**
 * The last segment of the newest case whose files are here and that was filmed since the identity counts: an older one
 * was sealed to the identity before.
 */
async function newestSegment(
  call: Call,
  since: number,
): Promise<{ case: string; name: string; path: string; torn: boolean } | undefined> {
  const cases = await call.client().get('GET /cases');
  for (const { id, state } of cases.reverse()) {
    if (state !== 'complete') continue;
    const folder = caseFolder(call.dir, id);
    const { payload } = parseEnvelope(
      readPart(folder, 'manifest.dsse.json', maxManifestBytes),
      maxManifestBytes,
    );
    const parsed = manifestSchema.safeParse(parseJson(payload));
    const file = parsed.success ? parsed.data.files.findLast(({ start }) => start >= since) : undefined;
    if (file === undefined) continue;
    const { name, torn } = file;
    const path = join(folder, 'files', name);
    if (existsSync(path)) return { case: id, name, path, torn };
  }
  return undefined;
}
