import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import mqttPacket from 'mqtt-packet';
import { Failure, sentenceOf } from '#protocol/failure.ts';
import { backoff } from '../lifecycle/backoff.ts';
import { supervise } from '../lifecycle/supervise.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import { secureContextFault } from '../platform/secure-context.ts';
import type { Bus, Publication, Will } from './bus.ts';
import { limitPackets } from './packet-limit.ts';

export interface ConnectionOptions {
  url: string;
  /** Stable, equal to the node: a random one would lose the persistent session and its commands. */
  clientId: string;
  /** PEM contents, asked for on every connection: they may have been renewed. */
  tls: {
    readonly ca?: string | undefined;
    readonly cert?: string | undefined;
    readonly key?: string | undefined;
  };
  /** Asked for on every connection: a will carries the time of connecting. */
  will(): Will;
  clock: Clock;
  random: Random;
  log: Log;
}

export interface Connection extends Bus {
  /** Until when the certificate counts that the broker last showed, UTC milliseconds; undefined without TLS. */
  brokerUntil(): number | undefined;
}

// A buffer ready for every number of two bytes takes 12 MiB, and the time of thousands of packets at the first one.
mqttPacket.writeToStream.cacheNumbers = false;

/** An unanswered ping shows after 1.5 × this (MQTT 5 §3.1.2.10). */
const keepAliveSeconds = 20;
const sessionExpirySeconds = 7 * 86_400;
/** Above the largest command, so that one too large is answered rather than dropped by the client. */
const maxPacketBytes = 4 * 1024 * 1024 + 1024;
const connectTimeoutMs = 10_000;
const closeDeadlineMs = 2000;
/** For DISCONNECT and the end of the connection, when everything else has used up its time. */
const farewellMs = 200;
const firstRetryMs = 500;
/** A relay that comes back is used within half a minute. */
const lastRetryMs = 30_000;

/**
 * Keeps one MQTT connection alive for ever: a fresh client for each connection, so that nothing a library queued
 * offline is ever sent behind our back; own waits with jitter. MQTT 5 first; where the broker refuses it, 3.1.1.
 */
export function openConnection(options: ConnectionOptions): Connection {
  const { clock, log } = options;
  const subscriptions: { filter: string; handle: Parameters<Bus['subscribe']>[1] }[] = [];
  const listeners: (() => void)[] = [];
  const stop = new AbortController();
  let version: 4 | 5 = 5;
  let connections = 0;
  let brokerUntil: number | undefined;
  let live: { client: MqttClient; broken: Set<(failure: Failure) => void> } | undefined;
  let underWay = 0;
  /** The broker keeps something for this session that nobody can take: the next connection lets the session go. */
  let burdened = false;

  const clientOptions = (): IClientOptions => {
    const will = options.will();
    return {
      protocolVersion: version,
      clientId: options.clientId,
      clean: burdened,
      keepalive: keepAliveSeconds,
      reconnectPeriod: 0,
      connectTimeout: connectTimeoutMs,
      queueQoSZero: false,
      resubscribe: false,
      ...(options.tls.ca === undefined ? {} : { ca: options.tls.ca }),
      ...(options.tls.cert === undefined ? {} : { cert: options.tls.cert }),
      ...(options.tls.key === undefined ? {} : { key: options.tls.key }),
      ...(version === 5
        ? { properties: { sessionExpiryInterval: sessionExpirySeconds, maximumPacketSize: maxPacketBytes } }
        : {}),
      will: {
        topic: will.topic,
        payload: Buffer.from(will.payload),
        qos: 1,
        retain: true,
        ...(version === 5 ? { properties: { willDelayInterval: will.delaySeconds } } : {}),
      },
    };
  };

  /** One connection from its start to its end. */
  async function once(signal: AbortSignal): Promise<void> {
    // The library throws it where nobody can catch it.
    const fault = options.url.startsWith('mqtts:') ? secureContextFault(options.tls) : undefined;
    if (fault !== undefined) throw new Failure('transient', 'offline', `certificate or key: ${fault}`);
    const client = mqtt.connect(options.url, clientOptions());
    const broken = new Set<(failure: Failure) => void>();
    let accepted = false;
    let cause: unknown;
    const ended = new Promise<void>((resolve) => client.once('close', resolve));
    limitPackets(client.stream, maxPacketBytes, (announcedBytes) => {
      cause = new Error(`it announced a packet of ${announcedBytes} bytes`);
      // It would be announced again for ever; what else waited the hub says again when it sees this node come.
      burdened = true;
      client.stream.destroy();
    });
    client.on('error', (error) => {
      cause = error;
      // A refused CONNACK leaves the library's client neither connected nor closed.
      client.end(true);
    });
    const abort = (): void => {
      client.end(true);
      // An end that was asked for gently and got no answer is not ended any harder by the library.
      client.stream?.destroy();
    };
    signal.addEventListener('abort', abort, { once: true });
    // Acknowledged only once handled: the broker redelivers what a crash interrupted.
    client.handleMessage = (packet, acknowledge) => {
      const message = {
        topic: packet.topic,
        payload: Buffer.from(packet.payload),
        retained: packet.retain,
      };
      const handlers = subscriptions.filter(({ filter }) => matches(filter, message.topic));
      Promise.all(handlers.map(({ handle }) => handle(message))).then(
        () => acknowledge(),
        (error: unknown) => {
          process.nextTick(() => {
            throw error;
          });
        },
      );
    };
    client.once('connect', (connack) => {
      accepted = true;
      burdened = false;
      (client.stream as { setNoDelay?: (on: boolean) => void }).setNoDelay?.(true);
      brokerUntil = endOf(client.stream);
      const filters = subscriptions.map(({ filter }) => filter);
      const begin = (): void => {
        connections += 1;
        live = { client, broken };
        log.info({ protocol: version, sessionPresent: connack.sessionPresent }, 'connected to the broker');
        for (const listener of listeners) listener();
      };
      if (filters.length === 0) return begin();
      client.subscribe(filters, { qos: 1 }, (error, granted) => {
        const refused = granted?.filter(({ qos }) => qos >= 128).map(({ topic }) => topic);
        if (error || refused?.length) {
          cause = error ?? new Error(`the broker refuses the subscription to ${refused?.join(', ')}`);
          client.end(true);
        } else begin();
      });
    });
    await ended;
    live = undefined;
    signal.removeEventListener('abort', abort);
    client.end(true);
    const failure = new Failure(
      'transient',
      'offline',
      cause === undefined ? 'the connection to the broker broke' : `broker: ${sentenceOf(cause)}`,
      { cause },
    );
    for (const reject of broken) reject(failure);
    if (!accepted && !signal.aborted) version = refusesVersion(cause) ? other(version) : 5;
    if (!signal.aborted) throw failure;
  }

  const running = supervise(clock, backoff(options.random, firstRetryMs, lastRetryMs), stop.signal, {
    once,
    healthyMs: 30_000,
    ended: (failure, retryMs) =>
      log.warn({ code: failure?.code, why: failure?.message, retryMs: Math.round(retryMs) }, 'no broker'),
  });

  return {
    publish(publication: Publication) {
      const current = live;
      if (current === undefined)
        return Promise.reject(new Failure('transient', 'offline', 'there is no connection to the broker'));
      underWay += 1;
      return new Promise<void>((resolve, reject) => {
        const fail = (failure: Failure): void => {
          current.broken.delete(fail);
          underWay -= 1;
          reject(failure);
        };
        current.broken.add(fail);
        const expiry =
          version === 5 && publication.expirySeconds !== undefined
            ? { properties: { messageExpiryInterval: publication.expirySeconds } }
            : {};
        current.client.publish(
          publication.topic,
          publication.payload,
          { qos: 1, retain: publication.retain, ...expiry },
          (error) => {
            if (!current.broken.has(fail)) return;
            if (error) return fail(new Failure('transient', 'offline', sentenceOf(error), { cause: error }));
            current.broken.delete(fail);
            underWay -= 1;
            resolve();
          },
        );
      });
    },
    connected: () => live !== undefined,
    protocol: () => (version === 5 ? '5' : '3.1.1'),
    reconnects: () => Math.max(0, connections - 1),
    brokerUntil: () => brokerUntil,
    onConnect(then) {
      listeners.push(then);
      if (live) then();
    },
    subscribe(filter, handle) {
      subscriptions.push({ filter, handle });
      live?.client.subscribe(filter, { qos: 1 });
    },
    async close() {
      const deadline = clock.monotonic() + closeDeadlineMs;
      while (live && underWay > 0 && clock.monotonic() < deadline)
        await new Promise<void>((resolve) => void clock.after(10, resolve));
      const client = live?.client;
      if (client)
        await new Promise<void>((resolve) => {
          const limit = clock.after(Math.max(farewellMs, deadline - clock.monotonic()), resolve);
          client.end(false, {}, () => {
            limit.cancel();
            resolve();
          });
        });
      stop.abort();
      await running;
    },
  };
}

function other(version: 4 | 5): 4 | 5 {
  return version === 5 ? 4 : 5;
}

/**
 * A broker that cannot speak MQTT 5 answers 0x84, or 0x01 as 3.1.1 has it, or hangs up on bytes it cannot parse
 * (no error then). A refused or unreachable connection says nothing of the version.
 */
function refusesVersion(cause: unknown): boolean {
  if (cause === undefined) return true;
  const code = (cause as { code?: unknown }).code;
  return code === 1 || code === 0x84;
}

/** MQTT topic filters, §4.7. */
export function matches(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const given = topic.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (given[index] === undefined || (level !== '+' && level !== given[index])) return false;
  }
  return wanted.length === given.length;
}

/** When the certificate of the other end ends; undefined where it showed none. */
function endOf(stream: unknown): number | undefined {
  const text = (stream as { getPeerCertificate?: () => { valid_to?: string } }).getPeerCertificate?.()
    .valid_to;
  const until = Date.parse(text ?? '');
  return Number.isNaN(until) ? undefined : until;
}
