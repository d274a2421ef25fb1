import * as assert from 'uvu/assert';
import { assembleHealth, type HealthReading } from '#agent/health/assemble.ts';
import { wholeHealth } from '#protocol/brief-health.ts';
import { healthMessage } from '#protocol/messages.ts';
import { suite } from '../support/suite.ts';

const test = suite('health message');
const at = Date.UTC(2026, 0, 15, 12);

function site(cameras: number): HealthReading {
  return {
    at,
    seq: 1234,
    host: {
      uptimeSeconds: 1_234_567,
      load1: 0.42,
      memoryFreeBytes: 4_123_456_789,
      memoryTotalBytes: 8_123_456_789,
      temperatureCelsius: 51.5,
      bootReason: 'power',
      hardware: 'Intel Corporation NUC11ATKC4, Intel Celeron N5105',
      disk: { state: 'ok', badSectors: 0, usedPercent: 3 },
      ups: { state: 'mains', chargePercent: 100, runtimeMinutes: 40 },
    },
    clock: { state: 'synced', offsetMs: 0.3 },
    store: {
      freeBytes: 712_345_678_901,
      totalBytes: 1_912_345_678_901,
      segments: 141_120,
      bytes: 1_100_000_000_000,
      oldest: at - 600_000_000,
      forecastHours: 181.25,
    },
    cameras: Array.from({ length: cameras }, (_, index) => ({
      id: `cam-${index + 1}`,
      state: 'recording' as const,
      since: at - 86_400_000,
      newestSegment: at - 20_000,
      bitrate: 4_012_345,
      frameRate: 25,
      track: { codec: 'h264', width: 2560, height: 1440 },
      lostPackets: 3,
      offered: ['video/H264'],
      onvif: {
        state: 'ok' as const,
        information: { manufacturer: 'HIKVISION', model: 'DS-2CD2143G2-I', firmware: 'V5.7.3', serial: 'x' },
        clockOffsetMs: 412,
        ...(index === 0 ? { position: { pan: 0.25, tilt: -0.5 }, preset: 'Piazza' } : {}),
        records: false,
      },
    })),
    links: [
      {
        id: 'uplink',
        to: 'relay-c',
        probe: 'stamp',
        state: 'up',
        since: at,
        probes: 100,
        lossPercent: 1,
        delayMs: 8.123,
        jitterMs: 1.25,
        jitterForthMs: 0.9,
        jitterBackMs: 0.8,
        forthMs: 4.1,
        backMs: 4,
      },
      {
        id: 'radio',
        to: 'relay-c',
        state: 'up',
        since: at,
        probe: 'snmp',
        signalDbm: -61,
        noiseDbm: -96,
        capacityMbit: 130.2,
        uptimeSeconds: 99,
      },
    ],
    mqtt: { connected: true, protocol: '5', reconnects: 2 },
  };
}

/** On the wire: MQTT's header and topic, TLS, TCP and IP of what goes and of what acknowledges it. */
function wireBytes(payload: number): number {
  const bytes = payload + 40;
  const segments = Math.ceil(bytes / 1400);
  return bytes + segments * (29 + 52) + segments * 52 + (4 + 29 + 52) + 52;
}

test('full and brief are what the schema says, and carry the same of what changes', () => {
  const full = healthMessage.parse(JSON.parse(JSON.stringify(assembleHealth(site(2)))));
  const brief = healthMessage.parse(JSON.parse(JSON.stringify(assembleHealth(site(2), 'brief'))));
  assert.equal([full.brief, brief.brief], [undefined, true]);
  assert.is(full.cameras?.[0]?.onvif?.model, 'HIKVISION DS-2CD2143G2-I');
  const { pan, tilt, zoom, preset } = full.cameras?.[0]?.onvif ?? {};
  assert.equal([pan, tilt, zoom, preset], [0.25, -0.5, undefined, 'Piazza']);
  assert.equal(brief.cameras?.[0], {
    id: 'cam-1',
    state: 'recording',
    newestSegment: at - 20_000,
    bitrate: 4_012_000,
  });
  // Nothing stands in the brief one that the full one does not say too.
  const within = (small: unknown, large: unknown, path: string): void => {
    if (typeof small !== 'object' || small === null) assert.equal(small, large, path);
    else
      for (const [key, value] of Object.entries(small))
        if (key !== 'brief') within(value, (large as Record<string, unknown>)[key], `${path}.${key}`);
  };
  within(brief, full, 'health');
  assert.is(full.store.forecastHours, 181.3);
  assert.equal(full.links[0]?.delayMs, 8.1);
});

test('a brief message is made whole by the last one that was', () => {
  const parse = (reading: HealthReading, how?: 'brief') =>
    healthMessage.parse(JSON.parse(JSON.stringify(assembleHealth(reading, how))));
  const later = site(2);
  later.seq = 1235;
  later.cameras![0]!.newestSegment = at + 40_000;
  Object.assign(later.cameras![1]!, { state: 'failed', reason: 'no-data', newestSegment: undefined });
  const whole = wholeHealth(parse(site(2)), parse(later, 'brief'));
  assert.equal([whole.brief, whole.seq, whole.host.hardware], [undefined, 1235, site(2).host.hardware]);
  assert.equal([whole.cameras?.[0]?.width, whole.cameras?.[0]?.newestSegment], [2560, at + 40_000]);
  assert.equal(
    whole.cameras?.[1],
    { id: 'cam-2', state: 'failed', reason: 'no-data', bitrate: 4_012_000 },
    'in another state nothing of before counts',
  );
  assert.is(whole.links[0]?.jitterForthMs, 0.9);
  // And back: the reason goes.
  const back = wholeHealth(whole, parse(site(2), 'brief'));
  assert.is(back.cameras?.[1]?.reason, undefined);
  const brief = parse(site(2), 'brief');
  assert.is(wholeHealth(undefined, brief), brief);
  const full = parse(site(2));
  assert.is(wholeHealth(whole, full), full);
});

test('a relay’s message has no cameras, absent and not empty', () => {
  const { cameras, ...relay } = site(0);
  assert.equal(cameras, []);
  const message = assembleHealth({ ...relay, cameras: undefined }, 'brief');
  assert.not('cameras' in message);
  assert.ok(JSON.stringify(message).length < 800, `${JSON.stringify(message).length}`);
});

test('the largest site says it in few bytes: a brief message a minute and a full one an hour', () => {
  const full = JSON.stringify(assembleHealth(site(14))).length;
  const brief = JSON.stringify(assembleHealth(site(14), 'brief')).length;
  assert.ok(brief < 2200 && full < 6000, `${brief} and ${full} bytes`);
  const bits = (8 * (59 * wireBytes(brief) + wireBytes(full))) / 3600;
  assert.ok(bits < 400, `${bits} bit/s`);
  assert.ok(JSON.stringify(assembleHealth(site(1), 'brief')).length < 900);
});
