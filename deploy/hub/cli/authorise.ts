import { maxCommandBytes, verifyCommand } from '#protocol/command.ts';
import { addSignature, parseEnvelope, sha256 } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import type { Answers, CaseAnswer } from '../api/schema.ts';
import { keyHolder } from '../cases/admission.ts';
import { cameraName } from '../settings.ts';
import { readTrusted } from '../trust.ts';
import { caseId, latestNote } from './case-id.ts';
import type { Call, Command } from './command.ts';
import { keyOptions, personalKey } from './passphrase.ts';
import { saveCommand, saveOption } from './save-command.ts';
import { localTime } from './times.ts';

export const authorise: Command = {
  summary: 'Shows a prepared extraction, signs it as officer, and sends it to the node.',
  usage: 'ID [--yes]',
  notes: latestNote,
  arguments: { least: 1, most: 1 },
  options: {
    yes: { type: 'boolean', help: 'sign without asking; what is signed is still shown' },
    ...saveOption,
    ...keyOptions,
    json: { type: 'boolean', help: 'print {"id","state"}' },
  },
  async run(call) {
    const client = call.client();
    const prepared = await client.get('GET /case', { id: await caseId(call) });
    const request = await client.get('GET /request', { id: prepared.request });
    // Nothing is believed that the operator's signature does not cover: the hub is only the messenger.
    const message = Buffer.from(prepared.envelope);
    const { policy } = readTrusted(call.dir);
    const { command } = verifyCommand(message, policy);
    if (command.type !== 'extract' || command.id !== prepared.id)
      throw new Failure('denied', 'other-command', 'the hub shows another command than the one asked for');
    const key = await personalKey(call, 'officer');
    if (publicKeyOf(key).id !== command.officer)
      throw new Failure(
        'denied',
        'other-officer',
        'the command names another officer than the holder of this key',
      );
    const operator = keyHolder(policy, command.operator, 'operator', command.node);
    if (command.request.recordHash !== request.recordHash || sha256(request.full) !== request.recordHash)
      throw new Failure('denied', 'other-request', 'the command was prepared for another request');

    show(call, { ...prepared, ...command }, request, operator ?? '?');
    if (!call.flag('yes')) {
      const answer = (await call.terminal.ask(call.texts().confirm)).trim().toLowerCase();
      if (!answer.startsWith(call.texts().yes))
        throw new Failure('denied', 'not-signed', call.texts().notSigned);
    }
    const envelope = addSignature(parseEnvelope(message, maxCommandBytes), key);
    const { id, state } = await client.post('authorise', { by: call.by, id: prepared.id, envelope });
    saveCommand(call, envelope);
    call.terminal.print(call.flag('json') ? JSON.stringify({ id, state }) : call.texts().authorised(id));
    return 0;
  },
};

function show(
  call: Call,
  one: Pick<CaseAnswer, 'node' | 'camera' | 'from' | 'to' | 'expiresAt'>,
  { id, record }: Answers['GET /request'],
  operator: string,
): void {
  const { field, willSign, purpose } = call.texts();
  const time = (utcMs: number): string =>
    `${localTime(utcMs, call.settings())} (${new Date(utcMs).toISOString()})`;
  const rows: [string, string][] = [
    [field.camera, cameraName(call.settings(), one.node, one.camera)],
    [field.from, time(one.from)],
    [field.to, time(one.to)],
    [field.purpose, purpose[record.purpose]],
    [field.request, `${id}, prot. ${record.protocol}, ${record.date}`],
    [field.authority, record.authority],
    [field.persons, record.persons.map(({ name, qualification }) => `${name} (${qualification})`).join('; ')],
    [field.reason, record.reason],
    [field.operator, operator],
    [field.expires, time(one.expiresAt)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  call.terminal.note(willSign);
  for (const [name, value] of rows) call.terminal.note(`  ${name.padEnd(width)}  ${value}`);
}
