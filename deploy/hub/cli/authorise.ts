import { maxCommandBytes, type Command as Order, verifyCommand } from '#protocol/command.ts';
import { addSignature, parseEnvelope } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { keyHolder, requireRequested } from '../cases/admission.ts';
import { attendingOf } from '../register/attending.ts';
import { recordBehind } from '../register/requests.ts';
import { cameraName } from '../settings.ts';
import { readTrusted } from '../trust.ts';
import { caseId, latestNote } from './case-id.ts';
import type { Call, Command } from './command.ts';
import { type Held, heldBy } from './held.ts';
import { keyOptions, personalKey } from './passphrase.ts';
import { saveCommand, saveOption } from './save-command.ts';
import { localTime } from './times.ts';

export const authorise: Command = {
  summary: 'Shows a prepared command, signs it as officer, and sends it to the node.',
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
    // Nothing is believed that the operator's signature does not cover: the hub is only the messenger.
    const message = Buffer.from(prepared.envelope);
    const history = readTrusted(call.dir);
    const { policy } = history;
    const { command } = verifyCommand(message, policy);
    if (command.id !== prepared.id)
      throw new Failure('denied', 'other-command', 'the hub shows another command than the one asked for');
    const key = await personalKey(call, 'officer');
    const mine = publicKeyOf(key).id;
    // Where the policy asks for several of a role, the others sign beside those that the command names.
    const beside = (['operator', 'officer'] as const).some(
      (role) =>
        (policy.thresholds[command.type][role] ?? 0) > 1 && keyHolder(policy, mine, role, command.node),
    );
    if ('officer' in command && mine !== command.officer && !beside)
      throw new Failure(
        'denied',
        'other-officer',
        'the command names another officer than the holder of this key',
      );
    const operator = keyHolder(policy, command.operator, 'operator', command.node);
    const held = command.type === 'release' ? await heldBy(client, history, command.hold) : undefined;
    const reasons = held ? heldReasons(call, held) : await reasonsOf(call, command, prepared.request);
    show(call, command, held?.command, [...reasons, [call.texts().field.operator, operator ?? '?']]);
    if (!call.flag('yes')) {
      const answer = (await call.terminal.ask(call.texts().confirm)).trim().toLowerCase();
      if (!answer.startsWith(call.texts().yes))
        throw new Failure('denied', 'not-signed', call.texts().notSigned);
    }
    const envelope = addSignature(parseEnvelope(message, maxCommandBytes), key);
    const { id, state } = await client.post('authorise', { by: call.by, id: prepared.id, envelope });
    saveCommand(call, envelope);
    const { authorised, signedSoFar } = call.texts();
    const said = state === 'prepared' ? signedSoFar : authorised;
    call.terminal.print(call.flag('json') ? JSON.stringify({ id, state }) : said(id));
    return 0;
  },
};

type Row = [string, string];

const personsText = (persons: readonly { name: string; qualification: string }[]): string =>
  persons.map(({ name, qualification }) => `${name} (${qualification})`).join('; ');

/**
 * Why and for whom, out of the record that the command's hash covers: what the hub shows beside it counts for nothing.
 * Throws `other-request`, `other-purpose`, `not-requested`, `other-attending`.
 */
async function reasonsOf(call: Call, command: Order, request: string | undefined): Promise<Row[]> {
  const client = call.client();
  const { field, purpose } = call.texts();
  if ('request' in command) {
    const known = await client.get('GET /request', { id: request ?? '' });
    const { recordHash } = command.request;
    const record = recordBehind(known.full, recordHash);
    if (record === undefined)
      throw new Failure('denied', 'other-request', 'the command was prepared for another request');
    requireRequested(command, { ...known, record, recordHash });
    const { id } = known;
    return [
      [field.purpose, purpose[record.purpose]],
      [field.request, `${id}, prot. ${record.protocol}, ${record.date}`],
      [field.authority, record.authority],
      [field.persons, personsText(record.persons)],
      [field.reason, record.reason],
    ];
  }
  if (command.type === 'snapshot') {
    const { full } = await client.get('GET /attending', { id: command.id });
    const record = attendingOf(full, command.attending);
    if (record === undefined)
      throw new Failure('denied', 'other-attending', 'the command was prepared for other persons');
    return [
      [field.purpose, purpose.maintenance],
      [field.persons, personsText(record.persons)],
      [field.reason, record.reason],
    ];
  }
  return [];
}

/** Who asked for a hold, out of what it carries itself where the hub does not have the record that it names. */
function heldReasons(call: Call, { command, record, request }: Held): Row[] {
  const { field, purpose } = call.texts();
  const { protocol, date } = command.request;
  return [
    [field.purpose, purpose[command.purpose]],
    [field.request, `${request === undefined ? '' : `${request}, `}prot. ${protocol}, ${date}`],
    [field.authority, record?.authority ?? call.texts().unknownHere],
    ...(record
      ? [[field.persons, personsText(record.persons)] as Row, [field.reason, record.reason] as Row]
      : []),
  ];
}

/** What the officer is about to sign, read from the signed bytes; of a release, what it lets go. */
function show(call: Call, signed: Order, held: Order | undefined, reasons: readonly Row[]): void {
  const { field, willSign, unknownHold } = call.texts();
  const command = held ?? signed;
  const time = (utcMs: number): string =>
    `${localTime(utcMs, call.settings())} (${new Date(utcMs).toISOString()})`;
  const place =
    'camera' in command ? cameraName(call.settings(), command.node, command.camera) : command.node;
  const rows: Row[] = [
    [field.camera, place],
    ...('from' in command
      ? [[field.from, time(command.from)] as Row, [field.to, time(command.to)] as Row]
      : []),
    ...('until' in command ? [[field.until, time(command.until)] as Row] : []),
    ...('hold' in signed ? [[field.hold, `${signed.hold}${held ? '' : `: ${unknownHold}`}`] as Row] : []),
    ...reasons,
    [field.expires, time(signed.expiresAt)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  call.terminal.note(willSign[signed.type]);
  for (const [name, value] of rows) call.terminal.note(`  ${name.padEnd(width)}  ${value}`);
}
