import * as assert from 'uvu/assert';
import type { Bus } from '#agent/mqtt/bus.ts';
import { openConnection } from '#agent/mqtt/connection.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { codeOf } from '#protocol/failure.ts';
import { tcpProxy } from '../../deploy/demo/tcp-proxy.ts';
import type { TestBroker } from './brokers.ts';
import { eventually } from './eventually.ts';
import { quietLog } from './log.ts';
import type { suite } from './suite.ts';

/** What the agent needs of any broker, embedded or real: the same tests for both. */
export function mqttContract(
  test: ReturnType<typeof suite>,
  openBroker: () => Promise<TestBroker>,
  protocol: string,
): void {
  const open = (broker: TestBroker, clientId: string): Bus =>
    openConnection({
      url: broker.url,
      clientId,
      tls: {},
      will: () => ({ topic: `will/${clientId}`, payload: 'gone', delaySeconds: 0 }),
      clock: systemClock,
      random: systemRandom,
      log: quietLog,
    });

  test(`speaks ${protocol} and carries a message`, async () => {
    const broker = await openBroker();
    const a = open(broker, 'a');
    const b = open(broker, 'b');
    const got: string[] = [];
    b.subscribe('x/+', async ({ topic, payload }) => void got.push(`${topic} ${payload}`));
    await eventually('both connected', () => a.connected() && b.connected());
    assert.is(a.protocol(), protocol);
    await a.publish({ topic: 'x/y', payload: 'hello', retain: false });
    await a.publish({ topic: 'other', payload: 'no', retain: false });
    await eventually('the message', () => got.length === 1);
    assert.equal(got, ['x/y hello']);
    await a.close();
    await b.close();
    await broker.close();
  });

  test('refuses to publish offline and queues nothing', async () => {
    const broker = await openBroker();
    const a = open(broker, 'a');
    await eventually('connected', () => a.connected());
    await broker.stop();
    await eventually('offline', () => !a.connected());
    assert.is(await a.publish({ topic: 't', payload: '', retain: false }).catch(codeOf), 'offline');
    await broker.start();
    await eventually('connected again', () => a.connected());
    assert.is(a.reconnects(), 1);
    await a.publish({ topic: 't', payload: 'after', retain: false });
    await a.close();
    await broker.close();
  });

  test('a command sent while the node was away arrives when it is back', async () => {
    const broker = await openBroker();
    const hub = open(broker, 'hub');
    const first = open(broker, 'node');
    first.subscribe('c', async () => {});
    await eventually('both connected', () => first.connected() && hub.connected());
    await first.close();
    await hub.publish({ topic: 'c', payload: 'while away', retain: false });
    const second = open(broker, 'node');
    const got: string[] = [];
    second.subscribe('c', async ({ payload }) => void got.push(payload.toString()));
    await eventually('the command', () => got.includes('while away'));
    await second.close();
    await hub.close();
    await broker.close();
  });

  test('a message whose handling was cut short comes again', async () => {
    const broker = await openBroker();
    const hub = open(broker, 'hub');
    const node = open(broker, 'node');
    let deliveries = 0;
    const never = new Promise<void>(() => {});
    node.subscribe('c', () => {
      deliveries += 1;
      return deliveries === 1 ? never : Promise.resolve();
    });
    await eventually('both connected', () => node.connected() && hub.connected());
    await hub.publish({ topic: 'c', payload: 'once', retain: false });
    await eventually('the first delivery', () => deliveries === 1);
    await broker.stop();
    await broker.start();
    await eventually('the second delivery', () => deliveries === 2);
    await hub.close();
    await node.close();
    await broker.close();
  });

  test('the will tells of a client that is cut', async () => {
    const broker = await openBroker();
    const watcher = open(broker, 'watcher');
    const got: string[] = [];
    watcher.subscribe('will/node', async ({ payload }) => void got.push(payload.toString()));
    const proxy = await tcpProxy(broker.port);
    const node = open({ ...broker, url: `mqtt://127.0.0.1:${proxy.port}` }, 'node');
    await eventually('both connected', () => node.connected() && watcher.connected());
    proxy.shut();
    await eventually('the will', () => got.includes('gone'));
    await node.close();
    await proxy.close();
    await watcher.close();
    await broker.close();
  });
}
