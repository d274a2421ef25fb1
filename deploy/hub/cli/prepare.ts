import { randomUUIDv7 } from 'node:crypto';
import { systemClock } from '#agent/platform/clock.ts';
import { type CommandPayload, defaultLifeMs, maxLifeMs, parseCommand } from '#protocol/command.ts';
import { payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import type { Policy } from '#protocol/policy.ts';
import { instantText } from '#protocol/time.ts';
import type { Answers } from '../api/schema.ts';
import { recordBehind } from '../register/requests.ts';
import { readTrusted } from '../trust.ts';
import type { Call } from './command.ts';
import { keyOptions, personalKey } from './passphrase.ts';
import { reviewDay } from './review-day.ts';
import { saveCommand, saveOption } from './save-command.ts';
import { parseTime } from './times.ts';

/** What every command that an operator signs is told, and how it is sent. */

type Request = Answers['GET /request'];

export const prepareOptions = {
  officer: { type: 'string', value: 'NAME', help: 'who is to authorise, when the policy names several' },
  hours: { type: 'string', value: 'N', help: 'life of the command (72, at most 168)' },
  ...saveOption,
  ...keyOptions,
  json: { type: 'boolean', help: 'the answer is JSON in any case' },
} as const;

export const windowOptions = {
  request: { type: 'string', value: 'ID', help: 'number of the request in the register' },
  node: { type: 'string', value: 'NODE', help: 'site of the camera' },
  camera: { type: 'string', value: 'CAMERA', help: 'camera' },
  from: { type: 'string', value: 'TIME', help: 'first instant wanted' },
  to: { type: 'string', value: 'TIME', help: 'first instant not wanted' },
  purpose: { type: 'string', value: 'P', help: 'what for, as in the request' },
} as const;

export const reviewOption = {
  review: {
    type: 'string',
    value: 'DATE',
    help: 'when to look whether the case can be closed (in 90 days)',
  },
} as const;

/** What is the same in every command. */
export type Head = Pick<
  CommandPayload,
  'id' | 'node' | 'issuedAt' | 'expiresAt' | 'policyVersion' | 'operator'
>;

/**
 * Makes a command with `payloadOf`, signs it as operator in this process, and hands it to the hub with what it is for;
 * prints `{"id"}`. Throws what `parseCommand` throws, and the hub's refusals.
 */
export async function prepare(
  call: Call,
  node: string,
  payloadOf: (head: Head, policy: Policy) => CommandPayload,
  about: { request?: string; attending?: string } = {},
): Promise<number> {
  const { policy } = readTrusted(call.dir);
  const key = await personalKey(call, 'operator');
  const now = systemClock.utc();
  const hours = call.option('hours');
  const lifeMs = hours === undefined ? defaultLifeMs : Number(hours) * 3_600_000;
  if (!(lifeMs > 0 && lifeMs <= maxLifeMs))
    throw new Failure('usage', 'usage', '--hours lies between 1 and 168');
  const head: Head = {
    id: randomUUIDv7(),
    node,
    issuedAt: instantText(now),
    expiresAt: instantText(now + lifeMs),
    policyVersion: policy.version,
    operator: publicKeyOf(key).id,
  };
  const payload = Buffer.from(JSON.stringify(payloadOf(head, policy)));
  parseCommand(payload);
  const envelope = signEnvelope(payloadTypes.command, payload, [key]);
  const { id } = await call.client().post('prepare', { by: call.by, ...about, envelope, ...reviewDay(call) });
  saveCommand(call, envelope);
  call.terminal.print(JSON.stringify({ id }));
  return 0;
}

/** Camera, times and reference of a command for a request; what was not given is what the request says once. */
export function requested(call: Call, { full, recordHash }: Request) {
  // The operator signs the hash: it must be that of what is shown here.
  const record = recordBehind(full, recordHash);
  if (record === undefined)
    throw new Failure('denied', 'other-request', 'the hub shows another request than the one it hashed');
  const fitting = record.windows.filter(
    ({ node, camera }) =>
      (call.option('node') ?? node) === node && (call.option('camera') ?? camera) === camera,
  );
  const one = fitting[0];
  if (one === undefined)
    throw new Failure(
      'denied',
      'not-requested',
      'the request does not ask for this camera: see "hub register"',
    );
  if (fitting.length > 1)
    throw new Failure('usage', 'usage', 'the request asks for several: give --node, --camera');
  const time = (option: 'from' | 'to'): string => {
    const given = call.option(option);
    return given === undefined ? one[option] : instantText(parseTime(option, given, call.settings().zone));
  };
  return {
    node: one.node,
    camera: one.camera,
    from: time('from'),
    to: time('to'),
    // Whatever was typed goes into the command as it is: the hub and the node refuse what is no purpose.
    purpose: (call.option('purpose') ?? record.purpose) as typeof record.purpose,
    request: { protocol: record.protocol, date: record.date, recordHash },
  };
}

/** The key of the one officer for this node, or of the one named with `--officer`. */
export function officerFor(call: Call, policy: Policy, node: string): string {
  const name = call.option('officer');
  const officers = policy.persons.flatMap((person) =>
    person.keys
      .filter(({ role, nodes }) => role === 'officer' && (nodes?.includes(node) ?? true))
      .map(({ keyid }) => ({ name: person.name, keyid })),
  );
  const fitting = officers.filter((officer) => name === undefined || officer.name === name);
  if (fitting.length === 1 && fitting[0]) return fitting[0].keyid;
  const names = officers.map((officer) => `"${officer.name}"`).join(', ') || 'nobody';
  throw new Failure('usage', 'officer', `--officer must name one of the officers for ${node}: ${names}`);
}

/** `NAME, QUALIFICATION`, as often as the option stands there. Throws `usage`. */
export function personsIn(call: Call, option: string): { name: string; qualification: string }[] {
  return call.options(option).map((text) => {
    const cut = text.indexOf(',');
    if (cut < 1) throw new Failure('usage', 'usage', `--${option} "${text}": write "NAME, QUALIFICATION"`);
    return { name: text.slice(0, cut).trim(), qualification: text.slice(cut + 1).trim() };
  });
}
