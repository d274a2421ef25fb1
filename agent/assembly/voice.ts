import { join } from 'node:path';
import { Failure } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { type AlertPayload, protocolVersion, type StatePayload } from '#protocol/messages.ts';
import { instantText } from '#protocol/time.ts';
import { topics } from '#protocol/topics.ts';
import { type AlertBoard, alertPayload, openAlertBoard } from '../alert/board.ts';
import { type Conditions, openConditions } from '../alert/open-conditions.ts';
import { type Dated, earliestEnd } from '../health/certificates.ts';
import type { Bus } from '../mqtt/bus.ts';
import { openConnection } from '../mqtt/connection.ts';
import { type MonotonicMs, pause } from '../platform/clock.ts';
import { version } from '../platform/node-version.ts';
import { openEvents } from '../reporter/events.ts';
import { type Heads, openHeads } from '../reporter/heads.ts';
import { openReporter, type Reporter } from '../reporter/reporter.ts';
import type { Memory } from './memory.ts';
import type { Life } from './node.ts';

/** How a node speaks and hears. Bus, reporter and heads are absent at a node without a broker. */
export interface Voice {
  bus: Bus | undefined;
  reporter: Reporter | undefined;
  heads: Heads | undefined;
  alerts: AlertBoard;
  conditions: Conditions;
  /** When the hub last cosigned, or this run began. */
  hubHeardAt(): MonotonicMs;
  /** The certificates that the connection rests on. */
  dated: (() => Dated[]) | undefined;
  /** Hands commands to whoever obeys; until then the broker's deliveries wait. */
  obey(receive: (message: Buffer) => Promise<unknown>): void;
}

/** MQTT 5: a will this late spares the alert of a connection that comes right back. */
const willDelaySeconds = 30;
/** An orderly end waits this long for its last lines to be sent; what stays is sent at the next start. */
const lastWordsMs = 1000;
/** Many round trips of a radio link that works. */
const goodbyeLimitMs = 2000;

/** Opens the connection and everything that goes over it. Nothing here waits for the broker. */
export async function openVoice(life: Life, memory: Memory): Promise<Voice> {
  const { files, clock, random, log, config, scope, bootId, sessionId } = life;
  const { audit, policy, trust, record } = memory;
  const { node, signingKey } = config;
  const stateOf = (state: StatePayload['state']): StatePayload => ({
    state,
    bootId,
    sessionId,
    version,
    protocol: protocolVersion,
    at: instantText(clock.utc()),
  });

  let say = (_: AlertPayload): void => {};
  const alerts = await openAlertBoard({
    files,
    clock,
    path: join(memory.dir, 'alerts.json'),
    changed(alert) {
      log.warn({ key: alert.key, state: alert.state, detail: alert.detail }, 'alert');
      record('alert', { key: alert.key, state: alert.state, severity: alert.severity });
      say(alertPayload(alert));
    },
    failed: (error) => log.error({ err: error }, 'alerts are not kept'),
  });
  scope.defer(() => alerts.settled());
  const conditions = openConditions({ board: alerts, clock, lang: config.lang });
  // Its line stands in the log that was begun anew; the fault is told until a start finds that log good.
  const logBroken = conditions.watch('log-broken');
  if (audit.broken) logBroken.failing('aside', { code: audit.broken.code });
  else logBroken.ok();
  const policyOld = conditions.watch('policy-old');
  let heardAt = clock.monotonic();
  const hearing = Promise.withResolvers<(message: Buffer) => Promise<unknown>>();
  const ears = { alerts, conditions, hubHeardAt: () => heardAt, obey: hearing.resolve };
  if (config.mqtt === undefined)
    return { bus: undefined, reporter: undefined, heads: undefined, dated: undefined, ...ears };

  const { tls } = config.mqtt;
  const bus = openConnection({
    ...config.mqtt,
    clientId: node,
    will: () => ({
      topic: topics.state(node),
      payload: JSON.stringify(stateOf('offline')),
      delaySeconds: willDelaySeconds,
    }),
    clock,
    random,
    log,
  });
  const raised = (): AlertPayload[] => alerts.raised().map(alertPayload);
  const reporter = openReporter({ node, bus, log, state: stateOf, raised });
  say = reporter.alert;
  const events = openEvents({ node, bus, source: audit, log });
  audit.onGrowth(events.grown);

  let witnessed = '';
  const heads = openHeads({
    node,
    nodeKey: publicKeyOf(signingKey),
    bus,
    clock,
    log,
    hubKey: () => policy.current().policy.hub.key,
    checkpoint: () => audit.checkpoint(policy.current()),
    unanswered: events.again,
    fellBehind(size) {
      log.warn(
        { size, cosigned: audit.cosigned() },
        'the hub holds fewer lines than it cosigned: sent again',
      );
      events.from(size);
    },
    cosignedSize: audit.cosigned,
    async cosigned(cosigned) {
      heardAt = clock.monotonic();
      trust.hubSaid(cosigned.at, heardAt);
      await audit.takeCosigned(cosigned);
      const { registerSize, registerHead, policyVersion } = cosigned.statement;
      // A town hall that rewrites its register contradicts what nineteen boxes wrote down.
      if (registerHead !== witnessed) record('register-head', { size: registerSize, head: registerHead });
      witnessed = registerHead;
      const { version: here } = policy.current();
      if (policyVersion > here) policyOld.failing('older', { here, there: policyVersion });
      else policyOld.ok();
    },
  });
  policy.onChange(heads.show);

  // Subscribed before anybody obeys: the broker hands over what waited as soon as it is connected.
  bus.subscribe(topics.command(node), async ({ payload }) => void (await (await hearing.promise)(payload)));
  bus.subscribe(topics.hubPolicy, async ({ payload }) => {
    await policy.offer(payload, 'mqtt').catch((error: unknown) => {
      if (!(error instanceof Failure)) throw error;
    });
  });
  scope.defer(async () => {
    // A way to the broker that died without a word answers nothing: the stop goes on without it.
    const enough = new AbortController();
    const lastLines = Promise.race([events.settled(), pause(clock, lastWordsMs, enough.signal)]);
    void lastLines.then(() => reporter.goodbye()).finally(() => enough.abort());
    await pause(clock, goodbyeLimitMs, enough.signal);
    await bus.close();
    await policy.settled();
    // Last: a head under way is let go of when the connection is.
    await heads.close();
  });
  const [own, authority] = [endOf(() => tls.cert), endOf(() => tls.ca)];
  const dated = (): Dated[] =>
    Object.entries({ own: own(), authority: authority(), broker: bus.brokerUntil() }).flatMap(
      ([whose, until]) => (until === undefined ? [] : { whose: whose as Dated['whose'], until }),
    );
  return { bus, reporter, heads, dated, ...ears };
}

/** The end of the certificate that `pem` gives now, which is asked every second and read when it is another. */
function endOf(pem: () => string | undefined): () => number | undefined {
  let read: string | undefined;
  let end: number | undefined;
  return () => {
    const now = pem();
    if (now !== read) [read, end] = [now, earliestEnd(now)];
    return end;
  };
}
