import { open, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { maxCommandBytes } from '#protocol/command.ts';
import { parseEnvelope, parseJson } from '#protocol/envelope.ts';
import { codeOf, exitCodes, Failure } from '#protocol/failure.ts';
import { manifestSchema, maxManifestBytes } from '#protocol/manifest.ts';
import { commandOf } from '../cases/case.ts';
import { manifestName } from '../inbox/inbox.ts';
import type { Call, Command } from './command.ts';

/** Base64 and its message stay below what the hub reads at once. */
const pieceBytes = 1024 * 1024;

export const importStick: Command = {
  summary: 'Takes what "agent apply" left on a stick into its case, with the checks of an upload.',
  usage: 'DIR',
  notes: `Everything is checked: the command is the one this hub prepared, the node's answer and its proof are signed, each
file is what the manifest names. Repeated after an interruption it goes on where it was.
Exit codes: 0 all of it is here, 1 something is missing, 2 refused by the node or by the hub.`,
  arguments: { least: 1, most: 1 },
  options: { json: { type: 'boolean', help: 'print {"id","state","files","missing"}' } },
  async run(call) {
    const dir = resolve(call.positionals[0] as string);
    const text = async (name: string): Promise<string> => (await part(dir, name)).toString('utf8');
    const command = await part(dir, 'command.dsse.json');
    const { id } = commandOf(command);
    const client = call.client();
    const stick = { id, command: command.toString('utf8') };
    const begun = await client.post('import', {
      by: call.by,
      ...stick,
      status: await text('status.dsse.json'),
      proof: await text('proof.json'),
    });
    if (begun.state === 'refused' || begun.state === 'failed') {
      const { reason = '' } = begun.status ?? {};
      answer(call, { id, state: begun.state, files: 0, missing: [] }, reason);
      return exitCodes.refused;
    }
    if (begun.state === 'executed') {
      answer(call, { id, state: begun.state, files: 0, missing: [] });
      return exitCodes.done;
    }
    const names = namesIn(await part(dir, manifestName));
    const missing: string[] = [];
    for (const [index, name] of [manifestName, ...names].entries()) {
      call.terminal.progress(`${index}/${names.length} ${name}`);
      if (!(await send(call, id, dir, name))) missing.push(name);
    }
    const { state } = await client.get('GET /case', { id });
    answer(call, { id, state, files: names.length - missing.length, missing });
    return missing.length === 0 ? exitCodes.done : exitCodes.checkFailed;
  },
};

function answer(
  call: Call,
  result: { id: string; state: string; files: number; missing: string[] },
  reason = '',
): void {
  if (call.flag('json')) {
    call.terminal.print(JSON.stringify(result));
    return;
  }
  call.terminal.print(
    `${result.id}: ${call.texts().caseState[result.state] ?? result.state} ${reason}`.trim(),
  );
  for (const name of result.missing) call.terminal.print(`  ▲ ${name}`);
}

/** What the manifest lists, believed of nobody: the hub takes a file only as the signed one has it. */
function namesIn(manifest: Buffer): string[] {
  const parsed = manifestSchema.safeParse(parseJson(parseEnvelope(manifest, maxManifestBytes).payload));
  if (!parsed.success) throw new Failure('invalid', 'malformed', `${manifestName} is no manifest`);
  return parsed.data.files.map(({ name }) => name);
}

/** False for a file that is not there. */
async function send(call: Call, id: string, dir: string, name: string): Promise<boolean> {
  const client = call.client();
  const file = await open(join(dir, name), 'r').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new Failure('usage', 'usage', `${join(dir, name)} cannot be read (${codeOf(error)})`);
  });
  if (file === undefined) return false;
  try {
    const { size } = await file.stat();
    const buffer = Buffer.allocUnsafe(pieceBytes);
    const piece = (offset: number, bytes: string) =>
      client.post('piece', { id, file: name, size, offset, bytes });
    let { offset } = await piece(0, '');
    while (offset < size) {
      const { bytesRead } = await file.read(buffer, 0, pieceBytes, offset);
      if (bytesRead === 0) throw new Failure('invalid', 'other-size', `${name} became shorter`);
      ({ offset } = await piece(offset, buffer.subarray(0, bytesRead).toString('base64')));
    }
    return true;
  } finally {
    await file.close();
  }
}

async function part(dir: string, name: string): Promise<Buffer> {
  const file = join(dir, name);
  try {
    if ((await stat(file)).size <= Math.max(maxCommandBytes, maxManifestBytes)) return await readFile(file);
  } catch (cause) {
    throw new Failure(
      'usage',
      'usage',
      `${file} cannot be read (${codeOf(cause)}): name the folder of "agent apply"`,
      {
        cause,
      },
    );
  }
  throw new Failure('invalid', 'too-large', `${file} is too large`);
}
