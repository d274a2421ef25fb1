import { Failure } from '#protocol/failure.ts';
import type { Conditions } from '../alert/open-conditions.ts';
import { Authenticator } from '../platform/authenticator.ts';
import { type Clock, pause, type UtcMs } from '../platform/clock.ts';
import type { HttpClient, HttpReply } from '../platform/http-client.ts';
import type { Random } from '../platform/random.ts';
import { onDevice } from './onvif-address.ts';
import { answers, type Notice, noticesOf, subscriptionOf } from './onvif-notices.ts';
import { soapRequest, soapType } from './onvif-soap.ts';
import { isRefusal } from './onvif-xml.ts';

export interface EventCamera {
  id: string;
  /** The device service. */
  onvif: string;
  credentials?: { user: string; password: string } | undefined;
}

/** What a conversation with the device has shown of its events. */
export interface EventService {
  /** As the device states it. */
  address: string;
  /** How far the device's clock is ahead of the box's. */
  clockOffsetMs: number;
  /** The video source that is recorded; undefined where the device has one alone. */
  source?: string | undefined;
}

export interface EventParts {
  conditions: Conditions;
  clock: Clock;
  random: Random;
  /** Undefined while the device has not said that it has such a service. */
  service(camera: string): EventService | undefined;
  /** With bounds on time and size. Cameras make their own certificates: none is asked for. */
  openClient(bounds: { stallMs: number; maxReplyBytes: number }): HttpClient;
}

const second = 1000;
const minute = 60 * second;
/** How long the device holds a question back that it has no answer to. */
const waitSeconds = 30;
/** Longer than that, and short enough to notice a device that went away. */
const stallMs = 45 * second;
/** Of one question, to a device that answers byte by byte. */
const callMs = 60 * second;
/** Twenty messages take some 20 kB. */
const maxReplyBytes = 64 * 1024;
const messages = 20;
/** A subscription dies by itself when nobody asks: an agent that was killed leaves none behind for long. */
const lifeSeconds = 300;
const renewMs = 120 * second;
/** Between two answers: a device that has something to say all the time is asked once a second. */
const restMs = second;
const firstRetryMs = 15 * second;
const lastRetryMs = 15 * minute;
/** Cameras lock a user out who is refused too often, and the recording with it. */
const refusedMs = 60 * minute;
const lookMs = 5 * second;
/** What happens without ever ending is taken back. */
const pulseMs = 10 * minute;
const goodbyeMs = 2 * second;

const events = 'http://www.onvif.org/ver10/events/wsdl';
const notification = 'http://docs.oasis-open.org/wsn/b-2';

/**
 * Listens to what each camera says of tampering and loss of signal (ONVIF Core §9.1, real-time pull-point), until
 * `signal` aborts. Judges `camera-tamper` and `camera-signal`. A device that is away, refuses, or answers nonsense leaves
 * both unknown, and is tried again after a quarter of an hour at most.
 */
export function openEventWatch(
  parts: EventParts,
  cameras: readonly EventCamera[],
): { run(signal: AbortSignal): Promise<void> } {
  const judged = cameras.map((camera) => ({ camera, judge: openJudge(parts, camera.id) }));
  return {
    async run(signal) {
      await Promise.all(judged.map(({ camera, judge }) => listen(parts, camera, judge, signal)));
    },
  };
}

async function listen(
  parts: EventParts,
  camera: EventCamera,
  judge: ReturnType<typeof openJudge>,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = parts;
  let retryMs = firstRetryMs;
  while (!signal.aborted) {
    const service = parts.service(camera.id);
    if (service === undefined) {
      await pause(clock, lookMs, signal);
      continue;
    }
    const client = parts.openClient({ stallMs, maxReplyBytes });
    let heard = false;
    let refused = false;
    try {
      await subscribed(parts, camera, service, client, signal, (notices) => {
        heard = true;
        judge.take(notices, service.source);
      });
    } catch (error) {
      if (!(error instanceof Failure) && !signal.aborted) throw error;
      refused = error instanceof Failure && error.code === 'onvif-auth';
    } finally {
      client.close();
    }
    judge.lost();
    retryMs = heard ? firstRetryMs : Math.min(lastRetryMs, retryMs * 2);
    // A little apart, so that cameras that were lost together are not asked together.
    await pause(clock, (refused ? refusedMs : retryMs) * (0.75 + parts.random.fraction() / 2), signal);
  }
}

/** One subscription from beginning to end; throws a `Failure` when the device ends it. */
async function subscribed(
  parts: EventParts,
  { onvif, credentials }: EventCamera,
  { address: stated, clockOffsetMs }: EventService,
  client: HttpClient,
  signal: AbortSignal,
  take: (notices: Notice[]) => void,
): Promise<void> {
  const { clock } = parts;
  let subscription: string | undefined;
  let refused = false;
  const digest = credentials && new Authenticator(credentials, parts.random, { basic: false });
  const call = async (
    url: URL,
    action: string,
    operation: string,
    body: string,
    until = signal,
  ): Promise<string> => {
    const limit = AbortSignal.timeout(callMs);
    const ask = async (authorization: string | undefined): Promise<HttpReply> => {
      const at = (clock.utc() + Math.round(clockOffsetMs)) as UtcMs;
      const request = soapRequest(
        { action, to: url.href, body, at, random: parts.random, subscription },
        credentials,
      );
      const asked = {
        method: 'POST',
        url: url.href,
        headers: { 'content-type': soapType(action), ...(authorization && { authorization }) },
        body: { bytes: request.length, pieces: once(request) },
        signal: AbortSignal.any([until, limit]),
      };
      return await client.ask(asked).catch((error: unknown) => {
        if (!limit.aborted) throw error;
        throw new Failure('transient', 'onvif-refused', `${operation} took too long`);
      });
    };
    const answerOf = (): string | undefined => digest?.authorise('POST', url.pathname + url.search);
    const first = answerOf();
    let reply = await ask(first);
    // Asked once more and no oftener: who is refused twice is locked out.
    if (
      reply.status === 401 &&
      digest?.challenged([reply.headers['www-authenticate'] ?? ''], first !== undefined)
    )
      reply = await ask(answerOf());
    if (reply.status !== 401) digest?.accepted();
    const text = reply.body.toString('utf8');
    if (reply.status === 200 && answers(text, operation)) return text;
    refused = reply.status === 401 || isRefusal(text);
    if (refused) throw new Failure('transient', 'onvif-auth', `${operation} was refused to this user`);
    throw new Failure('transient', 'onvif-refused', `${operation} was refused`);
  };
  const create =
    `<e:CreatePullPointSubscription xmlns:e="${events}">` +
    `<e:InitialTerminationTime>PT${lifeSeconds}S</e:InitialTerminationTime></e:CreatePullPointSubscription>`;
  const created = await call(
    onDevice(stated, onvif),
    `${events}/EventPortType/CreatePullPointSubscriptionRequest`,
    'CreatePullPointSubscription',
    create,
  );
  const { address, id } = subscriptionOf(created);
  if (address === undefined || !URL.canParse(address, onvif))
    throw new Failure('transient', 'onvif-refused', 'a subscription without an address');
  const point = onDevice(address, onvif);
  subscription = id;
  let renewAt = clock.monotonic() + renewMs;
  try {
    while (!signal.aborted) {
      const pull =
        `<e:PullMessages xmlns:e="${events}"><e:Timeout>PT${waitSeconds}S</e:Timeout>` +
        `<e:MessageLimit>${messages}</e:MessageLimit></e:PullMessages>`;
      take(
        noticesOf(
          await call(point, `${events}/PullPointSubscription/PullMessagesRequest`, 'PullMessages', pull),
        ),
      );
      if (clock.monotonic() >= renewAt) {
        const renew = `<n:Renew xmlns:n="${notification}"><n:TerminationTime>PT${lifeSeconds}S</n:TerminationTime></n:Renew>`;
        await call(
          point,
          `${notification.replace('b-2', 'bw-2')}/SubscriptionManager/RenewRequest`,
          'Renew',
          renew,
        );
        renewAt = clock.monotonic() + renewMs;
      }
      await pause(clock, restMs, signal);
    }
  } finally {
    // Devices allow few subscriptions at a time. Who was refused asks for nothing more: it ends by itself.
    const limit = AbortSignal.timeout(goodbyeMs);
    const end = `<n:Unsubscribe xmlns:n="${notification}"/>`;
    const action = `${notification.replace('b-2', 'bw-2')}/SubscriptionManager/UnsubscribeRequest`;
    if (!refused)
      await call(point, action, 'Unsubscribe', end, limit).catch((error: unknown) => {
        // What went wrong before is what is told, but for a user who is refused by now.
        if (refused) throw error;
      });
  }
}

async function* once(bytes: Buffer): AsyncIterable<Buffer> {
  yield bytes;
}

/** Keeps what was said last: property events are told again at every subscription. */
function openJudge({ conditions, clock }: EventParts, camera: string) {
  const rows = {
    signal: { watch: conditions.watch('camera-signal', camera), reason: 'signal-loss' as const },
    tamper: { watch: conditions.watch('camera-tamper', camera), reason: 'tamper' as const },
  };
  const last: { [about in Notice['about']]?: { on: boolean; lasting: boolean; at: number } } = {};
  return {
    take(notices: readonly Notice[], source: string | undefined) {
      for (const { about, on, lasting, sources } of notices) {
        // Of a recorder's channels only the one that is recorded counts.
        if (source !== undefined && !sources.includes(source)) continue;
        last[about] = { on, lasting, at: clock.monotonic() };
      }
      for (const about of ['signal', 'tamper'] as const) {
        const said = last[about];
        const { watch, reason } = rows[about];
        if (said === undefined) watch.unknown();
        else if (said.on && (said.lasting || clock.monotonic() - said.at < pulseMs))
          (watch.failing as (reason: string) => void)(reason);
        else watch.ok();
      }
    },
    lost() {
      for (const about of ['signal', 'tamper'] as const) {
        delete last[about];
        rows[about].watch.unknown();
      }
    },
  };
}
