import { getEventListeners } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { readBootReason } from '#agent/health/boot-reason.ts';
import { parseChrony, parseTimesync } from '#agent/health/clock-offset.ts';
import { diskJudge } from '#agent/health/disk-judge.ts';
import { heatJudge } from '#agent/health/heat-judge.ts';
import { mountOf } from '#agent/health/mount.ts';
import { parseSmart } from '#agent/health/smart.ts';
import { parseUps, readUps } from '#agent/health/ups.ts';
import { upsJudge } from '#agent/health/ups-judge.ts';
import { systemFiles } from '#agent/platform/files.ts';
import type { Net } from '#agent/platform/net.ts';
import { toldConditions } from '../support/conditions.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the box judged');

test('the mount of a folder: the longest, the last, with its spaces, read-only by place or by file system', () => {
  const text = [
    '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro',
    '30 22 8:17 / /var/lib/peio rw,noatime - ext4 /dev/sdb1 rw',
    '31 22 8:33 / /media/usb\\040stick ro,nosuid - vfat /dev/sdc1 rw',
    '32 30 259:3 / /var/lib/peio/deep rw - ext4 /dev/nvme0n1p3 ro,errors=continue',
    '33 22 0:40 / /over rw - overlay overlay rw',
    '34 33 0:41 / /over rw - tmpfs tmpfs rw',
    'torn line',
    '',
  ].join('\n');
  assert.equal(mountOf(text, '/var/lib/peio'), { readOnly: false, type: 'ext4', device: '8:17' });
  assert.equal(mountOf(text, '/var/lib/peio/store'), { readOnly: false, type: 'ext4', device: '8:17' });
  assert.is(mountOf(text, '/var/lib/peio-other')?.device, '8:1', 'a name that only begins alike');
  assert.is(mountOf(text, '/var/lib/peio/deep/er')?.readOnly, true, 'remounted by the kernel');
  assert.is(mountOf(text, '/media/usb stick/x')?.readOnly, true);
  assert.is(mountOf(text, '/over/x')?.type, 'tmpfs');
  assert.is(mountOf('', '/'), undefined);
});

const ata = (exit: number, passed: boolean, raws: Record<number, number>, wear = 100): string =>
  JSON.stringify({
    json_format_version: [1, 0],
    smartctl: { version: [7, 3], exit_status: exit },
    smart_status: { passed },
    ata_smart_attributes: {
      revision: 1,
      table: [
        ...Object.entries(raws).map(([id, value]) => ({
          id: Number(id),
          name: `attribute ${id}`,
          value: 100,
          raw: { value, string: `${value}` },
        })),
        { id: 231, name: 'Temperature_Celsius', value: 40, raw: { value: 40 } },
        { id: 177, name: 'Wear_Leveling_Count', value: wear, raw: { value: 12 } },
      ],
    },
  });

test('what a disk says of itself is read; a disk that may not be asked is unknown', () => {
  assert.equal(parseSmart(ata(0, true, { 5: 0, 197: 0 })), { passed: true, badSectors: 0, usedPercent: 0 });
  assert.equal(parseSmart(ata(8, false, { 5: 40, 197: 3, 198: 2, 9: 9999 }, 60)), {
    passed: false,
    badSectors: 45,
    usedPercent: 40,
  });
  const nvme = {
    smartctl: { exit_status: 0 },
    smart_status: { passed: true },
    nvme_smart_health_information_log: { critical_warning: 0, percentage_used: 3, media_errors: 0 },
  };
  assert.equal(parseSmart(JSON.stringify(nvme)), { passed: true, badSectors: 0, usedPercent: 3 });
  nvme.nvme_smart_health_information_log.critical_warning = 4;
  assert.is(parseSmart(JSON.stringify(nvme))?.passed, false);
  // What smartctl prints for a device that it may not open, in standby, or that has no SMART at all.
  assert.is(
    parseSmart('{"smartctl":{"messages":[{"string":"Permission denied"}],"exit_status":2}}'),
    undefined,
  );
  assert.is(parseSmart(ata(3, true, {})), undefined);
  assert.is(parseSmart('{"smartctl":{"exit_status":4}}'), undefined);
  for (const broken of ['', 'smartctl 6.6', '[]', '{"smartctl":{"exit_status":"0"}}'])
    assert.is(parseSmart(broken), undefined);
});

test('a dying disk is told by what is worst; nothing known is unknown', async () => {
  const clock = fakeClock();
  const { conditions, said } = await toldConditions(clock);
  const judge = diskJudge(conditions.watch('disk-dying'));
  judge.smart([]);
  judge.fileSystem(undefined);
  assert.equal([judge.reading(), conditions.standing()[0]?.state], [{ state: 'unknown' }, 'unknown']);
  judge.fileSystem(0);
  assert.is(judge.reading().state, 'ok', 'a file system without errors');
  judge.smart([{ passed: true, badSectors: 4, usedPercent: 20 }, undefined]);
  assert.equal(judge.reading(), { state: 'ok', badSectors: 4, usedPercent: 20 });
  judge.smart([
    { passed: true, badSectors: 4 },
    { passed: true, badSectors: 12 },
  ]);
  assert.equal(judge.reading(), { state: 'failing', badSectors: 12 });
  judge.fileSystem(3);
  assert.is(said.length, 1, 'once is no finding: it may have turned read-only');
  judge.fileSystem(3);
  judge.smart([{ passed: false }]);
  assert.equal(said, [
    'disk-dying.store raised sectors',
    // Graver: at once.
    'disk-dying.store raised file-system',
  ]);
  judge.fileSystem(0);
  judge.smart([{ passed: true, usedPercent: 97 }]);
  assert.equal(judge.reading(), { state: 'failing', usedPercent: 97 });
});

test('a disk that said it fails and then says nothing is no better', async () => {
  const clock = fakeClock();
  const { conditions, said } = await toldConditions(clock);
  const judge = diskJudge(conditions.watch('disk-dying'));
  judge.smart([{ passed: true }, { passed: false }]);
  assert.equal(said, ['disk-dying.store raised failing']);
  for (let hours = 0; hours < 5; hours++) {
    await clock.advance(3_600_000);
    // Asked in vain, in sleep, or not to be asked at all.
    judge.smart(hours % 2 === 0 ? [{ passed: true }, undefined] : []);
    judge.fileSystem(0);
  }
  assert.is(said.length, 1);
  assert.is(judge.reading().state, 'unknown');
  for (let hours = 0; hours < 3; hours++) {
    judge.smart([{ passed: true }, { passed: true }]);
    await clock.advance(3_600_000);
  }
  assert.equal(said.slice(1), ['disk-dying.store cleared']);
  assert.is(judge.reading().state, 'ok');
});

test('why the box started: as the store saw it, a hang where the watchdog of the board says so, else unknown', async () => {
  using folder = temporaryFolder();
  const watchdog = join(folder.path, 'class/watchdog/watchdog0');
  const why = (left: 'orderly' | 'cut' | undefined) => readBootReason(systemFiles, left, folder.path);
  assert.is(await why('cut'), 'power', 'no watchdog');
  mkdirSync(watchdog, { recursive: true });
  const status = (text: string): void => writeFileSync(join(watchdog, 'bootstatus'), text);
  for (const [text, reason] of [
    ['0\n', 'power'],
    ['16\n', 'power'],
    ['32\n', 'crash'],
    ['rubbish\n', 'power'],
  ] as const) {
    status(text);
    assert.is(await why('cut'), reason, text);
  }
  status('32\n');
  assert.is(await why('orderly'), 'orderly');
  assert.is(await why(undefined), 'unknown');
});

test('heat is judged by the sensor nearest to its own limit, throttling by its counter', async () => {
  const clock = fakeClock();
  const { conditions, said } = await toldConditions(clock);
  const judge = heatJudge(conditions.watch('overheating'), clock);
  const at = async (celsius: number, disk: number, throttles = 0): Promise<void> => {
    for (let i = 0; i < 14; i++) {
      judge.take({
        sensors: [
          { name: 'x86_pkg_temp', celsius, limitCelsius: 105 },
          { name: 'nvme', celsius: disk, limitCelsius: 80 },
        ],
        throttles,
      });
      await clock.advance(30_000);
    }
  };
  judge.take(undefined);
  assert.is(conditions.standing()[0]?.state, 'unknown');
  await at(90, 60);
  assert.equal(said, [], 'far from its own limit');
  assert.is(judge.reading().temperatureCelsius, 90);
  await at(60, 72);
  assert.equal(said, ['overheating.node raised hot'], 'the disk');
  await at(60, 68);
  assert.is(said.length, 1, 'not yet far enough below');
  await at(60, 60);
  assert.equal(said.slice(1), ['overheating.node cleared']);
  for (let count = 1; count < 6; count++) {
    judge.take({ sensors: [], throttles: count });
    await clock.advance(30_000);
  }
  assert.equal(said.slice(2), ['overheating.node raised throttled']);
});

test('a UPS: mains lost and back, battery low, silent upsd, a battery to replace', async () => {
  const clock = fakeClock();
  const { conditions, said, details } = await toldConditions(clock);
  const judge = upsJudge(conditions);
  const look = async (status: string | undefined, more = {}): Promise<void> => {
    for (let i = 0; i < 15; i++) {
      judge.take(status === undefined ? undefined : { status: status.split(' '), ...more });
      await clock.advance(10_000);
    }
  };
  await look('OL CHRG', { chargePercent: 100, runtimeSeconds: 2400 });
  assert.equal(judge.reading(), { state: 'mains', chargePercent: 100, runtimeMinutes: 40 });
  await look('OB DISCHRG', { chargePercent: 80, runtimeSeconds: 1800 });
  assert.equal([judge.reading().state, said], ['battery', ['mains-lost.node raised on-battery']]);
  assert.match(details[0] ?? '', /30 min/);
  await look('OB DISCHRG LB', { runtimeSeconds: 120 });
  assert.equal(said.slice(1), ['mains-lost.node raised battery-low']);
  await look(undefined);
  assert.is(said.length, 2, 'a upsd that is gone neither clears the mains nor is told beside them');
  await look('OL');
  assert.equal(said.slice(2), ['mains-lost.node cleared']);
  await look(undefined);
  assert.equal(said.slice(3), ['ups-fault.node raised away']);
  assert.equal(judge.reading(), { state: 'unknown' });
  await look('OL RB');
  assert.equal(said.slice(4), ['ups-fault.node raised replace-battery']);
  await look('OL');
  assert.equal(said.slice(5), ['ups-fault.node cleared']);
});

test('the lines of upsd are read, its errors are not taken for values', () => {
  assert.equal(
    parseUps(
      'VAR ups ups.status "OL CHRG"\nVAR ups battery.charge "97.5"\nVAR ups battery.runtime "1300"\n',
      'ups',
    ),
    { status: ['OL', 'CHRG'], chargePercent: 97.5, runtimeSeconds: 1300 },
  );
  assert.equal(parseUps('VAR ups ups.status "OB"\nERR VAR-NOT-SUPPORTED\nERR VAR-NOT-SUPPORTED\n', 'ups'), {
    status: ['OB'],
  });
  for (const wrong of [
    'ERR DATA-STALE\nERR DATA-STALE\nERR DATA-STALE\n',
    'ERR UNKNOWN-UPS\n',
    'VAR other ups.status "OL"\n',
    'VAR ups ups.status ""\n',
    '',
  ])
    assert.is(parseUps(wrong, 'ups'), undefined, wrong);
});

test('a UPS that was asked leaves nobody listening to the signals it was asked with', async () => {
  const life = new AbortController();
  const heard: AbortSignal[] = [];
  const net: Net = {
    async connect(_, receiver, signal) {
      heard.push(signal);
      const answer = Buffer.from('VAR ups ups.status "OL"\nVAR ups battery.charge "9"\nERR X\n');
      queueMicrotask(() => receiver.data(answer, answer.length));
      return { local: '', remote: '', write() {}, pace() {}, close() {} };
    },
  };
  const parts = { clock: fakeClock(), net };
  const reading = await readUps(parts, { host: '127.0.0.1', port: 1, name: 'ups' }, life.signal);
  assert.equal(reading, { status: ['OL'], chargePercent: 9 });
  // Asked every 10 s for years: each that stays costs 2 KB.
  for (const signal of [life.signal, ...heard]) assert.is(getEventListeners(signal, 'abort').length, 0);
});

test('the clock is ahead by what chrony or timesyncd say it is, unknown where they follow nothing', () => {
  const tracking = (system: string, leap: string): string =>
    `C0A80001,10.0.0.1,3,1768478400.1,${system},-0.000000769,0.000030,1.125,-0.000,0.040,0.000241462,0.011518663,65.2,${leap}\n`;
  assert.is(parseChrony(tracking('-0.012000000', 'Normal')), 12, 'fast of NTP time');
  assert.is(parseChrony(tracking('0.012000000', 'Normal')), -12, 'slow of NTP time');
  assert.is(parseChrony(tracking('0.000000000', 'Not synchronised')), undefined);
  assert.is(parseChrony('506 Cannot talk to daemon\n'), undefined);
  const status = (offset: string): string =>
    `       Server: 10.0.0.1 (10.0.0.1)\n       Offset: ${offset}\n        Delay: 1.1ms\n`;
  assert.is(parseTimesync(status('+1.250ms')), -1.25);
  assert.is(parseTimesync(status('-730us')), 0.73);
  assert.is(parseTimesync(status('+1min 2.5s')), -62_500);
  assert.is(parseTimesync('Packet count: 0\n'), undefined);
});
