import { randomUUIDv7 } from 'node:crypto';
import { systemClock } from '#agent/platform/clock.ts';
import { type CommandPayload, defaultLifeMs, maxLifeMs, parseCommand } from '#protocol/command.ts';
import { payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import type { Policy } from '#protocol/policy.ts';
import { instantText } from '#protocol/time.ts';
import type { Answers } from '../api/schema.ts';
import { readTrusted } from '../trust.ts';
import { latestNote } from './case-id.ts';
import type { Call, Command } from './command.ts';
import { keyOptions, personalKey } from './passphrase.ts';
import { reviewDay } from './review-day.ts';
import { saveCommand, saveOption } from './save-command.ts';
import { parseTime } from './times.ts';

type Request = Answers['GET /request'];

export const extract: Command = {
  summary: 'Prepares an extraction for a request, signs it as operator, and prints {"id"}.',
  usage: '--request ID [--node N --camera C --from T --to T --purpose P]',
  notes: `What is not given is taken from the request, when it says it once. ${latestNote}`,
  options: {
    request: { type: 'string', value: 'ID', help: 'number of the request in the register' },
    node: { type: 'string', value: 'NODE', help: 'site of the camera' },
    camera: { type: 'string', value: 'CAMERA', help: 'camera' },
    from: { type: 'string', value: 'TIME', help: 'first instant wanted' },
    to: { type: 'string', value: 'TIME', help: 'first instant not wanted' },
    purpose: { type: 'string', value: 'P', help: 'what for, as in the request' },
    officer: { type: 'string', value: 'NAME', help: 'who is to authorise, when the policy names several' },
    review: {
      type: 'string',
      value: 'DATE',
      help: 'when to look whether the case can be closed (in 90 days)',
    },
    hours: { type: 'string', value: 'N', help: 'life of the command (72, at most 168)' },
    ...saveOption,
    ...keyOptions,
    json: { type: 'boolean', help: 'the answer is JSON in any case' },
  },
  async run(call) {
    const client = call.client();
    const asked = await client.get('GET /request', { id: call.need('request') });
    const { policy } = readTrusted(call.dir);
    const key = await personalKey(call, 'operator');
    const payload = Buffer.from(JSON.stringify(payloadOf(call, asked, policy, publicKeyOf(key).id)));
    parseCommand(payload);
    const envelope = signEnvelope(payloadTypes.command, payload, [key]);
    const { id } = await client.post('prepare', {
      by: call.by,
      request: asked.id,
      envelope,
      ...reviewDay(call),
    });
    saveCommand(call, envelope);
    call.terminal.print(JSON.stringify({ id }));
    return 0;
  },
};

function payloadOf(
  call: Call,
  { record, recordHash }: Request,
  policy: Policy,
  operator: string,
): CommandPayload {
  const window = windowOf(call, record.windows);
  const now = systemClock.utc();
  const hours = call.option('hours');
  const lifeMs = hours === undefined ? defaultLifeMs : Number(hours) * 3_600_000;
  if (!(lifeMs > 0 && lifeMs <= maxLifeMs))
    throw new Failure('usage', 'usage', '--hours lies between 1 and 168');
  return {
    id: randomUUIDv7(),
    type: 'extract',
    node: window.node,
    issuedAt: instantText(now),
    expiresAt: instantText(now + lifeMs),
    policyVersion: policy.version,
    operator,
    officer: officerFor(policy, window.node, call.option('officer')),
    camera: window.camera,
    from: window.from,
    to: window.to,
    // Whatever was typed goes into the command as it is: the hub and the node refuse what is no purpose.
    purpose: (call.option('purpose') ?? record.purpose) as Request['record']['purpose'],
    request: { protocol: record.protocol, date: record.date, recordHash },
  };
}

function windowOf(call: Call, windows: Request['record']['windows']): Request['record']['windows'][number] {
  const fitting = windows.filter(
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
  return { node: one.node, camera: one.camera, from: time('from'), to: time('to') };
}

/** The key of the one officer for this node, or of the one named. */
function officerFor(policy: Policy, node: string, name: string | undefined): string {
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
