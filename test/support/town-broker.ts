import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type IConnackPacket, type MqttClient } from 'mqtt';
import { freePort } from '../../deploy/demo/free-port.ts';
import { configureBroker, mosquitto } from '../../deploy/mosquitto/configure.ts';
import { type Issued, pemOf, type TestAuthority } from './certificates.ts';
import { eventually } from './eventually.ts';

/** Why this machine cannot run the town's broker, or undefined. */
export const noTownBroker = mosquitto === undefined ? "Debian's mosquitto is not installed" : undefined;

export interface TownBroker {
  url: string;
  port: number;
  /** What it said so far. */
  said(): string;
  /** Reads configuration, ACL and revocations again, as `systemctl reload mosquitto` does. */
  reload(): void;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/**
 * The broker of deploy/mosquitto below Debian's own configuration; only paths, address and user are another, and what
 * `changes` says.
 */
export async function townBroker(
  folder: string,
  authority: TestAuthority,
  changes: readonly (readonly [string, string])[] = [],
): Promise<TownBroker> {
  const program = mosquitto;
  if (program === undefined) throw new Error(noTownBroker);
  const port = await freePort();
  const { file, certificates } = configureBroker(folder, `${port} 127.0.0.1`, changes);
  const own = authority.issue('broker', { addresses: ['127.0.0.1'] });
  cpSync(authority.ca, join(certificates, 'ca.crt'));
  cpSync(authority.crl, join(certificates, 'ca.crl'));
  cpSync(own.cert, join(certificates, 'broker.crt'));
  cpSync(own.key, join(certificates, 'broker.key'));
  let said = '';
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    said = '';
    const started = spawn(program, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    started.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-100_000);
    });
    child = started;
    await eventually('mosquitto to run', () => {
      if (started.exitCode !== null) throw new Error(`mosquitto ended: ${said}`);
      return said.includes('running');
    });
  };
  await start();
  return {
    url: `mqtts://127.0.0.1:${port}`,
    port,
    said: () => said,
    reload() {
      cpSync(authority.crl, join(certificates, 'ca.crl'));
      child?.kill('SIGHUP');
    },
    async stop() {
      const ending = child;
      child = undefined;
      if (ending === undefined || ending.exitCode !== null) return;
      const ended = new Promise((resolve) => ending.once('exit', resolve));
      ending.kill('SIGTERM');
      await ended;
    },
    start,
  };
}

/** A connection that a test makes by hand, and what it heard. */
export interface Caller {
  client: MqttClient;
  connack: IConnackPacket;
  heard: { topic: string; payload: string }[];
  /** Resolves with true when the broker took the message, with false when it refused or hung up. */
  publish(topic: string, payload: string | Buffer, retain?: boolean): Promise<boolean>;
  /** The granted QoS, or the reason it was refused with (128 and more). */
  subscribe(filter: string): Promise<number>;
  close(): Promise<void>;
}

/** Connects, or gives the reason why not. Nothing is tried again. */
export async function call(
  broker: Pick<TownBroker, 'url'>,
  ca: string | undefined,
  identity: Issued | undefined,
  options: IClientOptions = {},
): Promise<Caller | Error> {
  const client = mqtt.connect(broker.url, {
    protocolVersion: 5,
    clean: true,
    reconnectPeriod: 0,
    connectTimeout: 20_000,
    ...(ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') }),
    ...pemOf(identity),
    ...options,
  });
  const heard: Caller['heard'] = [];
  client.on('message', (topic, payload) => heard.push({ topic, payload: payload.toString() }));
  const answer = await new Promise<Error | IConnackPacket>((resolve) => {
    client.once('connect', resolve);
    client.once('error', resolve);
    client.once('close', () => resolve(new Error('the broker hung up')));
  });
  client.on('error', () => {}); // Told by `publish` and by whether it is connected.
  if (answer instanceof Error) {
    await new Promise<void>((resolve) => void client.end(true, {}, () => resolve()));
    return answer;
  }
  return {
    client,
    connack: answer,
    heard,
    publish: (topic, payload, retain = false) =>
      new Promise((resolve) => {
        const gone = (): void => resolve(false);
        client.once('close', gone);
        client.publish(topic, payload, { qos: 1, retain }, (error) => {
          client.off('close', gone);
          resolve(!error);
        });
      }),
    subscribe: (filter) =>
      new Promise((resolve, reject) => {
        client.subscribe(filter, { qos: 1 }, (error, granted, packet) => {
          const reason = (packet?.granted?.[0] ?? granted?.[0]?.qos) as number | undefined;
          if (reason === undefined) reject(error ?? new Error('no answer to the subscription'));
          else resolve(reason);
        });
      }),
    close: () => new Promise((resolve) => void client.end(true, {}, () => resolve())),
  };
}
