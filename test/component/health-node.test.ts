import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import { readHeat } from '#agent/health/heat.ts';
import type { CameraSight } from '#agent/health/look-cameras.ts';
import { disksBelow, fileSystemErrors } from '#agent/health/mount.ts';
import { type HealthParts, openHealth } from '#agent/health/open-health.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { openNet } from '#agent/platform/net.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { Failure } from '#protocol/failure.ts';
import { toldConditions } from '../support/conditions.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('a node watched');
const hour = 3_600_000;

function put(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** A kernel's files: a store on an encrypted volume on the second partition of an NVMe disk. */
function kernel(folder: string, store: string): { sys: string; proc: string; mount(options: string): void } {
  const nvme = 'sys/devices/pci0/nvme/nvme0n1';
  put(folder, {
    [`${nvme}/size`]: '1000\n',
    [`${nvme}/nvme0n1p2/partition`]: '2\n',
    'sys/devices/virtual/block/dm-0/size': '900\n',
    'sys/fs/ext4/dm-0/errors_count': '0\n',
    'sys/class/thermal/thermal_zone0/type': 'x86_pkg_temp\n',
    'sys/class/thermal/thermal_zone0/temp': '51000\n',
    'sys/class/thermal/thermal_zone0/trip_point_0_type': 'passive\n',
    'sys/class/thermal/thermal_zone0/trip_point_0_temp': '95000\n',
    'sys/class/thermal/thermal_zone0/trip_point_1_type': 'critical\n',
    'sys/class/thermal/thermal_zone0/trip_point_1_temp': '105000\n',
    'sys/class/thermal/thermal_zone1/type': 'unplugged\n',
    'sys/class/thermal/thermal_zone1/temp': '-273000\n',
    'sys/class/hwmon/hwmon0/name': 'nvme\n',
    'sys/class/hwmon/hwmon0/temp1_input': '43850\n',
    'sys/class/hwmon/hwmon0/temp1_crit': '84850\n',
    'sys/class/hwmon/hwmon0/temp2_input': 'nonsense\n',
    'sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count': '7\n',
  });
  mkdirSync(join(folder, 'sys/devices/virtual/block/dm-0/slaves'));
  mkdirSync(join(folder, 'sys/dev/block'), { recursive: true });
  symlinkSync(
    join(folder, nvme, 'nvme0n1p2'),
    join(folder, 'sys/devices/virtual/block/dm-0/slaves/nvme0n1p2'),
  );
  symlinkSync(join(folder, 'sys/devices/virtual/block/dm-0'), join(folder, 'sys/dev/block/253:0'));
  const mount = (options: string): void =>
    put(folder, {
      'proc/self/mountinfo': `22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 253:0 / ${store} ${options} - ext4 /dev/mapper/store ${options}\n`,
    });
  mount('rw,noatime');
  return { sys: join(folder, 'sys'), proc: join(folder, 'proc'), mount };
}

test('what the kernel shows is read: sensors with their limits, disks below a volume, errors of a file system', async () => {
  using folder = temporaryFolder();
  const { sys } = kernel(folder.path, '/store');
  const heat = await readHeat(systemFiles, sys);
  assert.equal(heat, {
    sensors: [
      { name: 'x86_pkg_temp', celsius: 51, limitCelsius: 105 },
      { name: 'nvme', celsius: 43.85, limitCelsius: 84.85 },
    ],
    throttles: 7,
  });
  assert.equal(await disksBelow(systemFiles, '253:0', sys), ['nvme0n1']);
  assert.equal(await disksBelow(systemFiles, '0:40', sys), []);
  assert.is(await fileSystemErrors(systemFiles, '253:0', sys), 0);
  assert.is(await fileSystemErrors(systemFiles, '8:1', sys), undefined);
  assert.equal(await readHeat(systemFiles, join(sys, 'nowhere')), { sensors: [] });
});

/** The same files read at once: on a fake clock a real disk would hang. */
function atOnce(): typeof systemFiles {
  const now =
    <T>(read: () => T) =>
    async (): Promise<T> =>
      read();
  return {
    ...systemFiles,
    read: (path) => now(() => readFileSync(path))(),
    realPath: (path) => now(() => realpathSync(path))(),
    list: (path) =>
      now(() => (existsSync(path) ? readdirSync(path).map((name) => ({ name, directory: false })) : []))(),
  };
}

interface World {
  clock: FakeClock;
  camera: CameraSight;
  host: { memoryFreeBytes: number; load5: number };
  clockState: 'synced' | 'unsynchronised' | 'stepped' | 'unknown';
  retention: ReturnType<HealthParts['retention']['status']>;
  heard: number;
  connected: boolean;
  mount(options: string): void;
  put(path: string, text: string): void;
  /** The store's folder goes with the disk that held it. */
  takeStore(): void;
  smart: object;
}

/** A node of one camera (or none) whose parts a test breaks; looks every second. */
async function watched(
  body: (
    world: World,
    said: string[],
    pass: (seconds: number) => Promise<void>,
    health: ReturnType<typeof openHealth>,
  ) => Promise<void>,
  cameras = 1,
): Promise<void> {
  using folder = temporaryFolder();
  const dir = join(folder.path, 'store');
  mkdirSync(dir);
  const { sys, proc, mount } = kernel(folder.path, dir);
  const clock = fakeClock();
  const { conditions, said } = await toldConditions(clock);
  let newestSegment = clock.utc() as number;
  const world: World = {
    clock,
    camera: { state: 'recording', lastFragmentAgeMs: 900, offered: ['video/H264'], bitrate: 4e6 },
    host: { memoryFreeBytes: 4e9, load5: 0.4 },
    clockState: 'synced',
    retention: { freeBytes: 700e9, totalBytes: 1000e9, freeInodes: 5e6, totalInodes: 6e6 },
    heard: clock.monotonic(),
    connected: true,
    mount,
    put: (path, text) => put(folder.path, { [path]: text }),
    takeStore: () => rmdirSync(dir),
    smart: { smartctl: { exit_status: 0 }, smart_status: { passed: true } },
  };
  const parts: HealthParts = {
    conditions,
    clock,
    files: atOnce(),
    net: openNet(50),
    async run(command) {
      if (command === 'smartctl')
        return {
          code: 0,
          signal: null,
          stdout: Buffer.from(JSON.stringify(world.smart)),
          stderr: '',
          outputs: [],
        };
      throw new Failure('unavailable', 'process-missing', command);
    },
    readHost: async () => ({
      uptimeSeconds: 60,
      load1: 0.5,
      memoryTotalBytes: 8e9,
      processors: 4,
      ...world.host,
    }),
    readHardware: async () => 'Intel NUC',
    dir,
    sys,
    proc,
    segmentMs: 60_000,
    retentionMs: 168 * hour,
    reserve: 0.05,
    clockState: () => world.clockState,
    bootBefore: 'cut',
    hub: { heardAt: () => world.heard as never, connected: () => world.connected },
    cameras: Array.from({ length: cameras }, () => ({
      id: 'cam-1',
      recorder: {
        status: () => ({ newestSegment, ...world.camera }),
      },
    })),
    store: {
      cameras: () => [
        {
          id: 'cam-1',
          bytes: () => 100e9,
          count: () => 60,
          newest: () => ({ end: 2 * hour }),
          // 4 Mbit/s.
          overlapping: (from, to) => ({ segments: [{ start: from, end: to, bytes: (to - from) * 500 }] }),
        },
      ],
    },
    retention: { status: () => world.retention },
    onvif: [],
    random: systemRandom,
    openClient: () => {
      throw new Error('no events are asked for here');
    },
    askChild: async () => {
      throw new Error('no camera has ONVIF here');
    },
  };
  const health = openHealth(parts);
  const stop = new AbortController();
  const running = health.run(stop.signal);
  let seconds = 0;
  const pass = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      if (world.connected) world.heard = clock.monotonic();
      if (
        world.camera.state === 'recording' &&
        world.camera.newestSegment === undefined &&
        seconds % 60 === 0
      )
        newestSegment += 60_000;
      health.look();
      await clock.advance(1000);
      seconds += 1;
    }
  };
  await pass(60);
  assert.equal(said, [], 'a node that is well says nothing');
  await body(world, said, pass, health);
  stop.abort();
  await clock.advance(3000);
  await running;
  assert.is(clock.pending(), 0);
}

const faults: {
  name: string;
  break(world: World): void;
  mend(world: World): void;
  raised: string;
  withinSeconds: number;
  overSeconds: number;
}[] = [
  {
    name: 'a camera unplugged',
    break: ({ camera }) => Object.assign(camera, { state: 'failed', reason: 'no-connection' }),
    mend: ({ camera }) => Object.assign(camera, { state: 'recording', reason: undefined }),
    raised: 'camera-down.cam-1 raised no-connection',
    withinSeconds: 6,
    overSeconds: 5,
  },
  {
    name: 'a wrong password',
    break: ({ camera }) => Object.assign(camera, { state: 'failed', reason: 'auth-failed' }),
    mend: ({ camera }) => Object.assign(camera, { state: 'recording', reason: undefined }),
    raised: 'camera-down.cam-1 raised auth-failed',
    withinSeconds: 6,
    overSeconds: 5,
  },
  {
    name: 'audio on',
    break: ({ camera }) => Object.assign(camera, { offered: ['video/H264', 'audio/PCMA'] }),
    mend: ({ camera }) => Object.assign(camera, { offered: ['video/H264'] }),
    raised: 'camera-audio-offered.cam-1 raised audio',
    withinSeconds: 62,
    overSeconds: 62,
  },
  {
    name: 'frames that are not sealed',
    break: ({ camera }) => Object.assign(camera, { newestSegment: 1 }),
    mend: ({ camera }) => Object.assign(camera, { newestSegment: undefined }),
    raised: 'camera-unsealed.cam-1 raised no-segment',
    withinSeconds: 190,
    overSeconds: 62,
  },
  {
    name: 'a disk that refuses, each time for two seconds',
    break: (world) => {
      let count = 0;
      Object.defineProperty(world.camera, 'state', {
        configurable: true,
        enumerable: true,
        get: () => (count++ % 12 < 8 ? 'failed' : 'recording'),
      });
      world.camera.reason = 'disk-error';
    },
    mend: (world) => {
      Object.defineProperty(world.camera, 'state', {
        configurable: true,
        enumerable: true,
        writable: true,
        value: 'recording',
      });
      world.camera.reason = undefined;
    },
    raised: 'disk-error.store raised disk-error',
    withinSeconds: 8,
    overSeconds: 65,
  },
  {
    name: 'a disk gone read-only',
    break: (world) => {
      world.mount('ro,noatime');
      Object.assign(world.camera, { state: 'failed', reason: 'disk-error' });
    },
    mend: (world) => {
      world.mount('rw');
      Object.assign(world.camera, { state: 'recording', reason: undefined });
    },
    raised: 'disk-error.store raised disk-error',
    withinSeconds: 12,
    overSeconds: 75,
  },
  {
    name: 'a disk too small',
    break: ({ retention }) => Object.assign(retention, { freeBytes: 100e9 }),
    mend: ({ retention }) => Object.assign(retention, { freeBytes: 700e9 }),
    raised: 'short-retention.store raised forecast',
    withinSeconds: 670,
    overSeconds: 3670,
  },
  {
    name: 'a disk with room for too few files',
    // A file an hour: 150 that fit and 60 that are kept, less the reserve of 100, are 110 hours.
    break: ({ retention }) => Object.assign(retention, { freeInodes: 150, totalInodes: 2000 }),
    mend: ({ retention }) => Object.assign(retention, { freeInodes: 5e6, totalInodes: 6e6 }),
    raised: 'short-retention.store raised files',
    withinSeconds: 670,
    overSeconds: 3670,
  },
  {
    name: 'a disk that deletes before its time',
    break: ({ retention }) => Object.assign(retention, { shortHours: 90 }),
    mend: ({ retention }) => delete retention.shortHours,
    raised: 'short-retention.store raised short',
    withinSeconds: 605,
    overSeconds: 3605,
  },
  {
    name: 'a sweep that a clock nobody confirms would make too large',
    break: ({ retention }) => Object.assign(retention, { heldBack: { percent: 60 } }),
    mend: ({ retention }) => delete retention.heldBack,
    raised: 'sweep-held.store raised unconfirmed',
    withinSeconds: 2,
    overSeconds: 2,
  },
  {
    name: 'a disk that dies',
    break: (world) =>
      Object.assign(world, { smart: { smartctl: { exit_status: 8 }, smart_status: { passed: false } } }),
    mend: (world) =>
      Object.assign(world, { smart: { smartctl: { exit_status: 0 }, smart_status: { passed: true } } }),
    raised: 'disk-dying.store raised failing',
    withinSeconds: 3700,
    overSeconds: 7300,
  },
  {
    name: 'a file system with errors',
    break: (world) => world.put('sys/fs/ext4/dm-0/errors_count', '2\n'),
    mend: (world) => world.put('sys/fs/ext4/dm-0/errors_count', '0\n'),
    raised: 'disk-dying.store raised file-system',
    withinSeconds: 22,
    overSeconds: 3620,
  },
  {
    name: 'a clock that follows nothing',
    break: (world) => Object.assign(world, { clockState: 'unsynchronised' }),
    mend: (world) => Object.assign(world, { clockState: 'synced' }),
    raised: 'clock-untrusted.node raised unsynchronised',
    withinSeconds: 605,
    overSeconds: 65,
  },
  {
    name: 'a clock that stepped',
    break: (world) => Object.assign(world, { clockState: 'stepped' }),
    mend: (world) => Object.assign(world, { clockState: 'synced' }),
    raised: 'clock-step.node raised stepped',
    withinSeconds: 2,
    overSeconds: 2,
  },
  {
    name: 'a hub that is away',
    break: (world) => Object.assign(world, { connected: false }),
    mend: (world) => Object.assign(world, { connected: true }),
    raised: 'hub-silent.node raised no-broker',
    withinSeconds: 3602,
    overSeconds: 2,
  },
  {
    name: 'a hot box',
    break: (world) => world.put('sys/class/thermal/thermal_zone0/temp', '97000\n'),
    mend: (world) => world.put('sys/class/thermal/thermal_zone0/temp', '60000\n'),
    raised: 'overheating.node raised hot',
    withinSeconds: 125,
    overSeconds: 400,
  },
  {
    name: 'memory running out',
    break: ({ host }) => Object.assign(host, { memoryFreeBytes: 0.3e9 }),
    mend: ({ host }) => Object.assign(host, { memoryFreeBytes: 4e9 }),
    raised: 'memory-low.node raised low',
    withinSeconds: 325,
    overSeconds: 325,
  },
  {
    name: 'a box overloaded',
    break: ({ host }) => Object.assign(host, { load5: 9.5 }),
    mend: ({ host }) => Object.assign(host, { load5: 0.5 }),
    raised: 'overloaded.node raised load',
    withinSeconds: 625,
    overSeconds: 625,
  },
];

for (const fault of faults)
  test(`${fault.name}: one alert in time, none beside it, cleared when it is over`, async () => {
    await watched(async (world, said, pass) => {
      const [key] = fault.raised.split(' ');
      fault.break(world);
      for (let i = 0; i < fault.withinSeconds && said.length === 0; i++) await pass(1);
      assert.equal(said, [fault.raised]);
      await pass(180);
      const others = said.filter((one) => !one.startsWith(`${key} raised`));
      assert.equal(others, [], 'no other alert, though its reason may have become clearer');
      const before = said.length;
      fault.mend(world);
      for (let i = 0; i < fault.overSeconds && said.length === before; i++) await pass(1);
      assert.equal(said.slice(before), [`${key} cleared`]);
    });
  }, 60_000);

test('a relay has nothing that assumes a camera, and its disk and box are watched all the same', async () => {
  await watched(async (world, said, pass, health) => {
    assert.is(health.forecastHours(), undefined);
    Object.assign(world.retention, { freeBytes: 1e9, shortHours: 3 });
    world.mount('ro');
    await pass(700);
    assert.equal(said, ['disk-error.store raised read-only']);
  }, 0);
});

test('a store whose folder went with its disk: what is known of its file system is unknown, and nothing ends', async () => {
  await watched(async (world, said, pass, health) => {
    Object.assign(world, { smart: {} });
    await pass(3600);
    assert.is((await health.host()).disk?.state, 'ok');
    world.takeStore();
    await pass(3700);
    assert.equal([(await health.host()).disk?.state, said], ['unknown', []]);
  });
});

test('health tells what was found: host, disk, why it was away; unknown where nobody can tell', async () => {
  await watched(async (_, __, ___, health) => {
    const host = await health.host();
    assert.equal(host, {
      uptimeSeconds: 60,
      load1: 0.5,
      memoryFreeBytes: 4e9,
      memoryTotalBytes: 8e9,
      bootReason: 'power',
      temperatureCelsius: 51,
      hardware: 'Intel NUC',
      disk: { state: 'ok' },
    });
    assert.equal(health.clock(), { state: 'synced' }, 'no time service to ask');
    // (700 + 100 − 50) GB at 4 Mbit/s.
    assert.ok(Math.abs((health.forecastHours() ?? 0) - (750e9 * 8) / 4e6 / 3600) < 0.01);
  });
});
