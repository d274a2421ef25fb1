import * as assert from 'uvu/assert';
import { askOnvif } from '#agent/health/onvif.ts';
import { type EventService, openEventWatch } from '#agent/health/onvif-events.ts';
import { noticesOf, subscriptionOf } from '#agent/health/onvif-notices.ts';
import { askChild } from '#agent/platform/child.ts';
import { type Clock, type MonotonicMs, systemClock } from '#agent/platform/clock.ts';
import { openHttpClient } from '#agent/platform/http-client.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { type OnvifDevice, type OnvifOptions, startOnvifDevice } from '../simulator/onvif.ts';
import { toldConditions } from '../support/conditions.ts';
import { cpuMs } from '../support/cpu-ms.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';

const test = suite('what cameras say of themselves by ONVIF events', { timeoutMs: 180_000 });
const account = { user: 'o<s>d', password: 'sesto & grado' };
const signalLoss = 'tns1:VideoSource/SignalLoss';
const sceneChange = 'tns1:VideoSource/GlobalSceneChange/ImagingService';

/** Waits a hundredth of what it is asked to; `ahead` lets time pass. */
function hurriedClock(): Clock & { ahead: number; longestMs: number } {
  const clock = {
    ...systemClock,
    ahead: 0,
    /** The longest that anybody waited. */
    longestMs: 0,
    monotonic: () => (systemClock.monotonic() + clock.ahead) as MonotonicMs,
    after(pauseMs: number, then: () => void) {
      clock.longestMs = Math.max(clock.longestMs, pauseMs);
      return systemClock.after(pauseMs / 100, then);
    },
  };
  return clock;
}

async function listening(
  options: OnvifOptions & { service?: Partial<EventService> },
  body: (device: OnvifDevice, said: string[], clock: { ahead: number; longestMs: number }) => Promise<void>,
): Promise<void> {
  await using device = await startOnvifDevice({ ...account, events: true, ...options });
  const clock = hurriedClock();
  const { conditions, said } = await toldConditions(clock);
  const service = { address: 'http://10.9.9.9/onvif/events', clockOffsetMs: 0, ...options.service };
  const openClient = (bounds: { stallMs: number; maxReplyBytes: number }) =>
    openHttpClient({ tls: { unverified: true }, ...bounds });
  const watch = openEventWatch(
    { conditions, clock, random: systemRandom, service: () => service, openClient },
    [{ id: 'cam-1', onvif: device.url, credentials: account }],
  );
  const stop = new AbortController();
  const running = watch.run(stop.signal);
  try {
    await body(device, said, clock);
  } finally {
    stop.abort();
    await running;
  }
}
const subscribed = (device: OnvifDevice): Promise<unknown> =>
  eventually('a subscription', () => device.subscriptions() === 1);

test('signal lost and found, tampering begun and ended, each told once; the subscription is given back', async () => {
  let left: (() => number) | undefined;
  await listening({}, async (device, said) => {
    left = device.subscriptions;
    await subscribed(device);
    device.tell({ topic: signalLoss, on: false });
    device.tell({ topic: 'tns1:RuleEngine/CellMotionDetector/Motion', on: true });
    device.tell({ topic: sceneChange, on: true });
    await eventually('tampering', () => said.length === 1);
    device.tell({ topic: signalLoss, on: true });
    await eventually('no signal, which explains tampering', () => said.length === 3);
    device.tell({ topic: signalLoss, on: false });
    device.tell({ topic: sceneChange, on: false });
    await eventually('the end', () => said.length === 4);
    assert.equal(said, [
      'camera-tamper.cam-1 raised tamper',
      'camera-signal.cam-1 raised signal-loss',
      'camera-tamper.cam-1 cleared',
      'camera-signal.cam-1 cleared',
    ]);
    assert.is(device.unauthorised(), 0);
    assert.is(device.requests()['CreatePullPointSubscription'], 1);
  });
  assert.is(left?.(), 0);
});

test('a device that forgot its subscriptions is asked for another, and tells how it stands', async () => {
  await listening({}, async (device, said) => {
    await subscribed(device);
    device.tell({ topic: sceneChange, on: true });
    await eventually('tampering', () => said.length === 1);
    device.dropSubscriptions();
    device.tell({ topic: sceneChange, on: false });
    await eventually('its end', () => said.length === 2);
    assert.is(said[1], 'camera-tamper.cam-1 cleared');
    assert.is(device.requests()['CreatePullPointSubscription'], 2);
  });
});

test('subscriptions that are refused for ever are asked for more and more rarely', async () => {
  await listening({}, async (device, said) => {
    device.refuseSubscriptions(true);
    const asked = (): number => device.requests()['CreatePullPointSubscription'] ?? 0;
    await eventually('four refusals', () => asked() >= 4);
    const before = performance.now();
    await eventually('another', () => asked() >= 6);
    // Hundredths of 15 s, 30 s, 1 min, 2 min, 4 min …
    assert.ok(performance.now() - before > 2000, `${performance.now() - before}`);
    assert.equal(said, []);
    device.refuseSubscriptions(false);
    await subscribed(device);
  });
});

test('slow, dripping, cut, swollen and senseless answers are unknown, and the device is heard when it is well', async () => {
  await listening({}, async (device, said) => {
    await subscribed(device);
    device.tell({ topic: sceneChange, on: true });
    await eventually('tampering', () => said.length === 1);
    const ill: [() => void, () => void][] = [
      [() => device.cut(true), () => device.cut(false)],
      [() => device.swell(20_000_000), () => device.swell(0)],
      [() => device.babble(`<a ${'x="1" '.repeat(9000)}>`), () => device.babble(undefined)],
      [() => device.babble('<'.repeat(60_000)), () => device.babble(undefined)],
      [() => device.babble('<html>not here</html>'), () => device.babble(undefined)],
      [() => device.babble(''), () => device.babble(undefined)],
    ];
    const asked = (): number => Object.values(device.requests()).reduce((sum, count) => sum + count, 0);
    for (const [fall, recover] of ill) {
      await subscribed(device);
      fall();
      device.dropSubscriptions();
      const before = asked();
      await eventually('it is asked again', () => asked() > before + 1);
      recover();
      device.dropSubscriptions();
      await eventually('another subscription', () => device.subscriptions() === 1, 30_000);
    }
    assert.equal(said, ['camera-tamper.cam-1 raised tamper'], 'unknown raises nothing and clears nothing');
    device.tell({ topic: sceneChange, on: false });
    await eventually('the end', () => said.length === 2);
  });
});

test('a user that is refused is not locked out: once an hour', async () => {
  await listening({}, async (device, said, clock) => {
    await subscribed(device);
    device.setPassword('another');
    device.dropSubscriptions();
    await eventually('a refusal', () => device.unauthorised() > 0);
    const refusals = device.unauthorised();
    await eventually('a long rest', () => clock.longestMs >= 45 * 60_000);
    assert.is(device.unauthorised(), refusals);
    assert.equal(said, []);
  });
});

test('a device that asks for HTTP digest is heard, whatever it asks for, and over nonces that go stale', async () => {
  for (const digest of [
    { schemes: ['MD5'], qop: false },
    { schemes: ['Basic', 'MD5', 'SHA-256'], oneHeader: true, nonceUses: 2 },
  ] as const)
    await listening({ digest }, async (device, said) => {
      await subscribed(device);
      // One question more than a nonce lasts for.
      for (const [index, on] of [true, false, true].entries()) {
        device.tell({ topic: sceneChange, on });
        await eventually('it is told', () => said.length === index + 1);
      }
      assert.equal(said, [
        'camera-tamper.cam-1 raised tamper',
        'camera-tamper.cam-1 cleared',
        'camera-tamper.cam-1 raised tamper',
      ]);
      assert.ok(device.requests()['PullMessages']! >= 3);
    });
});

test('by digest, too, a refused user rests for an hour, and no password goes in the clear', async () => {
  await listening({ digest: {} }, async (device, said, clock) => {
    await subscribed(device);
    device.setPassword('another');
    device.dropSubscriptions();
    await eventually('a long rest', () => clock.longestMs >= 45 * 60_000);
    // The answer to a nonce that might have gone stale, and the one to the next.
    assert.ok(device.unauthorised() <= 2, `${device.unauthorised()} refusals`);
    assert.equal([said, device.requests()['Unsubscribe']], [[], undefined]);
  });
  await listening({ digest: { schemes: ['Basic'] } }, async (device, said, clock) => {
    await eventually('a long rest', () => clock.longestMs >= 45 * 60_000);
    assert.equal([said, device.unauthorised(), device.subscriptions()], [[], 0, 0]);
  });
});

test('of a recorder only the channel that is recorded counts', async () => {
  await listening({ service: { source: 'channel_2' } }, async (device, said) => {
    await subscribed(device);
    device.tell({ topic: sceneChange, on: true, source: 'channel_1' });
    device.tell({ topic: signalLoss, on: true, source: 'channel_2' });
    await eventually('the channel', () => said.length === 1);
    assert.equal(said, ['camera-signal.cam-1 raised signal-loss']);
  });
});

test('what happens without ever ending is taken back', async () => {
  await listening({}, async (device, said, clock) => {
    await subscribed(device);
    device.tell({ topic: 'tns1:RuleEngine/TamperDetector/Tamper', on: true, pulse: true });
    await eventually('tampering', () => said.length === 1);
    clock.ahead += 11 * 60_000;
    device.tell({ topic: 'tns1:Monitoring/ProcessorUsage', on: false });
    await eventually('its end', () => said.length === 2);
  });
});

test('where the service is told by the device, and the host that was configured is believed', async () => {
  await using device = await startOnvifDevice({ ...account, events: true });
  const camera = { onvif: device.url, credentials: account, ptz: false };
  const answer = await askOnvif(askChild, camera, new AbortController().signal);
  assert.is(answer.events, device.url.replace('device_service', 'events'));
  await using without = await startOnvifDevice(account);
  const silent = await askOnvif(askChild, { ...camera, onvif: without.url }, new AbortController().signal);
  assert.equal([silent.error, silent.events], [undefined, undefined]);
});

test('notices are read in one pass, whatever is written', () => {
  const pieces = [
    '<',
    '>',
    '</',
    '<a:NotificationMessage>',
    '<Topic>Tamper',
    '<SimpleItem Name="State" Value="true"/>',
    '"',
    "='",
  ];
  for (const piece of pieces) {
    const text = piece.repeat(64 * 1024);
    const began = cpuMs();
    noticesOf(text);
    subscriptionOf(text);
    assert.ok(cpuMs() - began < 2000, piece);
  }
  const many =
    '<NotificationMessage><Topic>Tamper</Topic><Data><SimpleItem Name="State" Value="true"/></Data></NotificationMessage>';
  assert.is(noticesOf(many.repeat(500)).length, 64);
  const odd =
    "<N:NotificationMessage><Topic>x/TAMPER</Topic><Data><SimpleItem Name = 'IsTamper' Value='1'/></Data></N:NotificationMessage>";
  assert.equal(noticesOf(odd), [{ about: 'tamper', on: true, lasting: false, sources: [] }]);
  assert.equal(noticesOf(odd.replace("Name = 'IsTamper'", "Name='Channel'")), []);
});
