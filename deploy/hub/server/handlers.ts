import { type KeyObject, randomBytes } from 'node:crypto';
import type { Bus } from '#agent/mqtt/bus.ts';
import { sha256 } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import type { Policy } from '#protocol/policy.ts';
import { instantText } from '#protocol/time.ts';
import type { Alarms } from '../alarms/alarms.ts';
import type { Cases } from '../cases/cases.ts';
import type { Closing } from '../cases/closing.ts';
import type { Drills } from '../cases/drill.ts';
import { deliveredCase, openerRole, requireFit, requirePackage } from '../cases/opening.ts';
import type { Sticks } from '../cases/stick.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { Logs } from '../logs/logs.ts';
import { hasOtherKey } from '../logs/other-key.ts';
import type { MinutesBook } from '../minutes/compose.ts';
import type { Coverage } from '../page/coverage.ts';
import { askedWindow, prospectOf } from '../page/prospect.ts';
import type { Policies } from '../policies/policies.ts';
import type { Register } from '../register/register.ts';
import {
  enterRequest,
  findRequest,
  type KnownRequest,
  recordText,
  sameRequest,
} from '../register/requests.ts';
import type { Settings } from '../settings.ts';
import { signContents } from '../viewing/contents.ts';
import { alarmHandlers } from './alarm-handlers.ts';
import type { Handlers } from './api.ts';
import { caseAnswers, caseHandlers } from './case-handlers.ts';
import type { Dispatch } from './dispatch.ts';

export function handlersOf(parts: {
  policies: Policies;
  sticks: Sticks;
  drills: Drills;
  register: Register;
  cases: Cases;
  fleet: Fleet;
  alerts: Alarms;
  dispatch: Dispatch;
  bus: Bus;
  hubKey: KeyObject;
  nodeLogs: Logs;
  inbox: Inbox;
  closing: Closing;
  minutes: MinutesBook;
  /** Where nodes upload to. */
  upload: string;
  settings: Settings;
  coverage: Coverage;
  utc(): number;
}): Handlers {
  const { policies, register, cases, fleet, alerts, bus, utc } = parts;
  const request = (id: string): KnownRequest => {
    const lines = register.lines();
    const last = lines.findLast(({ kind }) => kind === 'request')?.request;
    const found = findRequest(lines, id === 'latest' ? (last ?? id) : id);
    if (found) return found;
    throw new Failure('denied', 'unknown-request', `there is no request ${id}: see "hub register"`);
  };
  const idOf = (ask: URLSearchParams): string => {
    const id = ask.get('id') ?? '';
    return id === 'latest' ? (cases.all().at(-1)?.id ?? id) : id;
  };

  const answerOf = caseAnswers(parts.inbox);

  return {
    'GET /status': () => ({
      at: utc(),
      policyVersion: policies.current().version,
      broker: { connected: bus.connected(), protocol: bus.protocol(), reconnects: bus.reconnects() },
      upload: parts.upload,
      nodes: fleet.nodes(),
      alerts: alerts.raised(),
      cases: cases.all().map(({ id, state }) => ({ id, state })),
    }),
    'GET /register': () => ({ lines: register.lines(), ...register.head() }),
    ...caseHandlers({ ...parts, policy: policies.current }),
    'GET /request': (ask) => request(ask.get('id') ?? ''),
    'GET /window': async (ask) => {
      const prospect = await prospectOf(parts, askedWindow(ask));
      return prospect ? { prospect } : {};
    },
    'POST /request': ({ by, record }) => {
      requireKnown(policies.current(), record.windows);
      const salt = randomBytes(16).toString('hex');
      const id = enterRequest(register, record, salt, by, utc());
      const same = sameRequest(register.lines(), id);
      return { id, recordHash: sha256(recordText(salt, record)), ...(same === undefined ? {} : { same }) };
    },
    'POST /reject': ({ by, request: id, reason }) => {
      if (request(id).rejected)
        throw new Failure('denied', 'request-rejected', `request ${id} was rejected already`);
      // What the officer signed, and nothing less, grants a request: a command that lapsed before did not.
      const granted = register
        .lines()
        .find((line) => line.kind === 'authorised' && line.request === id && line.case !== undefined);
      if (granted?.case !== undefined)
        throw new Failure(
          'denied',
          'under-way',
          `request ${id} was granted: case ${granted.case} is ${cases.get(granted.case).state}`,
        );
      return { seq: register.append({ kind: 'rejected', request: id, by, reason }).seq };
    },
    'GET /proof': async (ask) => {
      const { id, command, manifest } = deliveredCase(cases, idOf(ask));
      return await parts.nodeLogs.proof(command.node, manifest.auditSeq, id);
    },
    'POST /view': async ({ by, id, recipient, present, swap, review, masks, original = false }) => {
      const one = deliveredCase(cases, id);
      const role = openerRole(policies.current(), one, recipient, utc());
      requireFit(one.command.purpose, { masked: masks !== undefined, original });
      if (review !== undefined) {
        await cases.review(id, review);
        // It may have been closed meanwhile.
        deliveredCase(cases, id);
      }
      const { seq, at } = register.append({
        kind: 'opened',
        request: one.request,
        case: id,
        by,
        role,
        recipient,
        present,
        ...(swap ? { swap } : {}),
        ...(masks === undefined ? {} : { masks }),
        ...(original ? { original } : {}),
        ...(review === undefined ? {} : { review: instantText(review) }),
      });
      return { seq, at };
    },
    'POST /pack': ({ by, id, how, recipient, files }) => {
      const one = deliveredCase(cases, id);
      const names = files.map(({ name }) => name);
      requirePackage(one.command.purpose, names);
      const to = recipient === undefined ? {} : { recipient };
      const line = register.append({
        kind: 'packaged',
        request: one.request,
        case: id,
        by,
        how,
        ...to,
        files,
      });
      const { hash } = register.head();
      const contents = { case: id, register: { seq: line.seq, hash }, at: Date.parse(line.at), files };
      return { seq: line.seq, contents: signContents(contents, parts.hubKey) };
    },
    'POST /minutes': (ask) => parts.minutes.make(ask),
    'GET /minutes': async (ask) => ({ envelopes: await parts.minutes.of(idOf(ask)) }),
    'POST /report': ({ by, id, text, to }) => {
      const { request } = cases.get(id);
      if (!register.lines().some(({ kind, case: of }) => kind === 'opened' && of === id))
        throw new Failure('denied', 'not-opened', `nobody has opened case ${id}: there is nothing to report`);
      return { seq: register.append({ kind: 'reported', request, case: id, by, to, text }).seq };
    },
    'POST /close': ({ by, id }) => parts.closing.close(id, by),
    ...alarmHandlers(alerts, () => policies.current().nodes.map(({ id }) => id)),
    'POST /import': async ({ by, ...stick }) => answerOf(await parts.sticks.begin(stick, by)),
    'POST /piece': async ({ id, file, size, offset, bytes }) => ({
      offset: await parts.sticks.piece(id, file, size, offset, Buffer.from(bytes, 'base64')),
    }),
    'POST /replace': async ({ by, node, reason }) => {
      if (!hasOtherKey(node, parts.nodeLogs.witness(node), policies.current()))
        requireEnded(node, fleet, alerts);
      return await parts.nodeLogs.archiveLog(node, by, reason);
    },
    'POST /drill': ({ by, ...result }) => parts.drills.enter(result, by),
    'POST /policy': async ({ by, envelope }) => {
      const taken = (await policies.publish(Buffer.from(envelope), by)) === 'taken';
      return { version: policies.current().version, taken };
    },
  };
}

function requireKnown(policy: Policy, windows: readonly { node: string; camera: string }[]): void {
  for (const { node, camera } of windows)
    if (!policy.nodes.find(({ id }) => id === node)?.cameras.includes(camera))
      throw new Failure('denied', 'unknown-camera', `there is no ${node}/${camera}: see "hub status"`);
}

/** Findings that say that a node shows another log than the one held here. */
const anotherLog = ['log-fork', 'log-rollback', 'mirror-broken'];

/** The log of a box that is there and goes on must not be ended by a slip of the keyboard. Throws `log-continues`. */
function requireEnded(node: string, fleet: Fleet, alerts: Alarms): void {
  const online = fleet.nodes().some(({ id, state }) => id === node && state === 'online');
  const found = alerts.raised().some((one) => one.node === node && anotherLog.includes(one.key));
  if (online && !found)
    throw new Failure(
      'denied',
      'log-continues',
      `${node} is there and goes on with the log it showed: nothing was replaced`,
    );
}
