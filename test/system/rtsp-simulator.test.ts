import { execFile } from 'node:child_process';
import * as assert from 'uvu/assert';
import { indexInLoop, splitAnnexB } from '../simulator/annex-b.ts';
import { readVideoTrack, splitNals } from '../simulator/mp4.ts';
import { type CameraOptions, startSimulator } from '../simulator/simulator.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';

const test = suite('simulated camera seen by ffmpeg', { timeoutMs: 240_000 });
const ffmpeg = findProgram('ffmpeg');
const ffprobe = findProgram('ffprobe');
const fixture = (name: string): string => new URL(`../fixtures/${name}`, import.meta.url).pathname;

/** Every NAL unit a camera sends in one turn of its clip. */
function sentNals(file: string): Buffer[] {
  const track = readVideoTrack(file);
  return track.samples.flatMap((sample) => [
    ...(sample.sync ? track.parameterSets : []),
    ...splitNals(sample.bytes, track.lengthSize),
  ]);
}

function run(
  command: string,
  args: readonly string[],
): Promise<{ code: number; stdout: Buffer; stderr: string }> {
  return new Promise((resolve) => {
    const options = { encoding: 'buffer', maxBuffer: 64 * 1024 * 1024, timeout: 50_000 } as const;
    execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr: stderr.toString() });
    });
  });
}

interface Case {
  title: string;
  file: string;
  transport: 'tcp' | 'udp';
  options?: Partial<CameraOptions>;
}
const account = { user: 'osd', password: 'sesto-grado' };
const cases: Case[] = [
  { title: 'TCP', file: 'walkers.mp4', transport: 'tcp' },
  { title: 'UDP', file: 'walkers.mp4', transport: 'udp' },
  { title: 'TCP with digest', file: 'walkers.mp4', transport: 'tcp', options: account },
  { title: 'UDP with digest', file: 'walkers.mp4', transport: 'udp', options: { ...account, qop: true } },
  { title: 'TCP, B-frames and slices, looping', file: 'walkers-bframes.mp4', transport: 'tcp' },
  { title: 'UDP, aggregated', file: 'walkers-bframes.mp4', transport: 'udp', options: { aggregate: true } },
  { title: 'TCP, H.265', file: 'walkers-h265.mp4', transport: 'tcp' },
  {
    title: 'UDP, H.265, aggregated',
    file: 'walkers-h265.mp4',
    transport: 'udp',
    options: { aggregate: true },
  },
  {
    title: 'TCP, padding, contributors and extensions',
    file: 'walkers-bframes.mp4',
    transport: 'tcp',
    options: { padding: 7, contributors: 2, extensionWords: 3 },
  },
];

interface Capture {
  nals: Buffer[];
  transport: 'tcp' | 'udp' | 'multicast' | undefined;
  userAgent: string | undefined;
}

async function capture(program: string, { file, transport, options }: Case): Promise<Capture> {
  await using simulator = await startSimulator({
    cameras: [{ path: '/cam-1', file: fixture(file), ...options }],
  });
  const address = simulator.url('/cam-1');
  const url = options?.user ? address.replace('//', `//${account.user}:${account.password}@`) : address;
  const copied = await run(program, [
    ...['-v', 'error', '-rtsp_transport', transport, '-i', url],
    ...['-frames:v', '45', '-c', 'copy', '-f', file.includes('h265') ? 'hevc' : 'h264', 'pipe:1'],
  ]);
  if (copied.code !== 0) throw new Error(copied.stderr);
  const { lastTransport, lastUserAgent } = simulator.camera('/cam-1').counters();
  return { nals: splitAnnexB(copied.stdout), transport: lastTransport, userAgent: lastUserAgent };
}

/** All at once: each is five seconds of waiting for a camera that sends in real time. */
let captures: PromiseSettledResult<Capture>[] = [];
if (ffmpeg)
  test.before(async () => {
    captures = await Promise.allSettled(cases.map((each) => capture(ffmpeg, each)));
  });

for (const [index, { title, file, transport }] of cases.entries()) {
  const name = `gives every NAL unit of the file in order: ${title}`;
  if (!ffmpeg) {
    test.skip(name, 'no ffmpeg');
    continue;
  }
  test(name, () => {
    const result = captures[index];
    if (result?.status !== 'fulfilled') throw result?.reason;
    const { nals, ...seen } = result.value;
    assert.ok(nals.length >= 45, `${nals.length} NAL units`);
    assert.is.not(indexInLoop(sentNals(fixture(file)), nals), -1);
    assert.is(seen.transport, transport);
    assert.match(seen.userAgent as string, /^Lavf/);
  });
}

if (!ffprobe) test.skip('times pictures evenly over its loops, B-frames included', 'no ffprobe');
else
  test('times pictures evenly over its loops, B-frames included', async () => {
    // No picture's timestamp is 0: ffmpeg takes the next one's distance from it wrongly.
    await using simulator = await startSimulator({
      cameras: [{ path: '/cam-1', file: fixture('walkers-bframes.mp4'), firstTimestamp: 2 ** 32 - 454_321 }],
    });
    const read = await run(ffprobe, [
      ...['-v', 'error', '-rtsp_transport', 'tcp', '-read_intervals', '%+11'],
      ...['-show_entries', 'packet=pts_time,flags', '-of', 'csv=p=0', simulator.url('/cam-1')],
    ]);
    assert.is(read.code, 0, read.stderr);
    const packets = read.stdout
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(','));
    // Who joins between keyframes lacks pictures of the order it joined in: whole from the first keyframe on.
    const whole = packets.slice(packets.findIndex(([, flags]) => flags?.startsWith('K')));
    const times = whole.map(([time]) => Math.round(Number(time) * 1000)).sort((a, b) => a - b);
    // Two loops and a wrap of the 32-bit timestamp lie in more than eight seconds.
    assert.ok(times.length > 80, `${times.length} pictures`);
    const steps = new Set(times.slice(1).map((time, index) => time - (times[index] as number)));
    assert.equal([...steps], [100]);
  });

if (!ffmpeg) test.skip('turns away a wrong password and a transport it lacks', 'no ffmpeg');
else
  test('turns away a wrong password and a transport it lacks', async () => {
    await using simulator = await startSimulator({
      cameras: [
        { path: '/cam-1', ...account },
        { path: '/cam-2', transports: ['tcp'] },
      ],
    });
    const open = (url: string, transport: string) =>
      run(ffmpeg, [
        '-v',
        'error',
        '-rtsp_transport',
        transport,
        '-i',
        url,
        '-t',
        '1',
        '-c',
        'copy',
        '-f',
        'null',
        '-',
      ]);
    const wrong = await open(simulator.url('/cam-1').replace('//', '//osd:settimo@'), 'tcp');
    assert.match(wrong.stderr, /401/);
    const lacking = await open(simulator.url('/cam-2'), 'udp');
    assert.match(lacking.stderr, /461/);
    assert.is(simulator.camera('/cam-1').counters().sessions, 0);
    assert.is(simulator.camera('/cam-2').counters().sessions, 0);
  });
