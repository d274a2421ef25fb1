import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { run } from '#agent/platform/process.ts';
import { processTree } from '../bench/process-tree.ts';
import { indexInLoop } from '../simulator/annex-b.ts';
import { scanOf } from '../simulator/jpeg.ts';
import { readVideoTrack, splitNals } from '../simulator/mp4.ts';
import { type CameraOptions, startSimulator } from '../simulator/simulator.ts';
import { ledgerOf, segmentPath, startAgent, verifyTown } from '../support/agent-child.ts';
import { runProgram } from '../support/child-program.ts';
import { eventually } from '../support/eventually.ts';
import { nalsOfMp4, parseFragmentedMp4 } from '../support/fragmented-mp4.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown, type Town } from '../support/town.ts';

const test = suite('a site whose cameras need ffmpeg', { timeoutMs: 240_000 });
const parts = { age: findProgram('age'), ffmpeg: findProgram('ffmpeg'), ffprobe: findProgram('ffprobe') };
const bounds = { timeoutMs: 30_000, maxBytes: 64 * 1024 * 1024 };
const fixture = (name: string): string => new URL(`../fixtures/${name}`, import.meta.url).pathname;
const account = { user: 'manutenzione', password: 'via-ferrata-Brentari' };

interface SiteCamera {
  id: string;
  simulated: Partial<CameraOptions>;
  configured: Record<string, unknown>;
  ffmpeg: string | undefined;
  codec: string;
}
const site: SiteCamera[] = [
  { id: 'direct', simulated: {}, configured: {}, ffmpeg: undefined, codec: 'h264' },
  { id: 'chosen', simulated: {}, configured: { ingest: 'ffmpeg' }, ffmpeg: 'configured', codec: 'h264' },
  {
    id: 'udp',
    simulated: { file: fixture('walkers-bframes.mp4'), transports: ['udp'] },
    configured: { transport: 'udp' },
    ffmpeg: 'udp',
    codec: 'h264',
  },
  {
    id: 'group',
    simulated: { file: fixture('walkers-h265.mp4'), transports: ['multicast'] },
    configured: { transport: 'multicast' },
    ffmpeg: 'multicast',
    codec: 'hevc',
  },
  {
    id: 'mjpeg',
    simulated: { file: fixture('walkers-mjpeg.mp4') },
    configured: {},
    ffmpeg: 'unsupported-codec',
    codec: 'mjpeg',
  },
  {
    id: 'mpeg4',
    simulated: { file: fixture('walkers-mpeg4.mp4') },
    configured: {},
    ffmpeg: 'unsupported-codec',
    codec: 'mpeg4',
  },
];

async function makeSite(folder: string) {
  const simulator = await startSimulator({
    cameras: site.map(({ id, simulated }) => ({ path: `/${id}`, audio: true, ...account, ...simulated })),
  });
  const town = await makeTown(folder, {
    cameras: site.map(({ id }) => ({ id, rtsp: simulator.url(`/${id}`), credentials: account })),
  });
  const config = parse(readFileSync(town.config, 'utf8'));
  for (const camera of config.cameras)
    Object.assign(camera, site.find(({ id }) => id === camera.id)?.configured);
  writeFileSync(town.config, stringify(config));
  return { simulator, town };
}

/** Command lines and environments of a process and its descendants, those of the process itself left out. */
function seenOfChildren(pid: number): { pid: number; command: string; text: string }[] {
  return processTree(pid)
    .slice(1)
    .flatMap((child) => {
      try {
        const command = readFileSync(`/proc/${child}/cmdline`, 'latin1').replaceAll('\0', ' ');
        return [
          { pid: child, command, text: `${command} ${readFileSync(`/proc/${child}/environ`, 'latin1')}` },
        ];
      } catch {
        return []; // It ended meanwhile.
      }
    });
}

/** Those that record; one that makes pictures to be judged comes and goes. */
const ffmpegsOf = (pid: number) =>
  seenOfChildren(pid).filter(({ command }) => command.includes('/ffmpeg ') && !command.includes('rawvideo'));

async function clearSegments(town: Town, camera: string): Promise<Buffer[]> {
  const identity = join(town.hub, 'identities', 'officer.age');
  const clear: Buffer[] = [];
  for (const line of ledgerOf(town, camera).filter(({ kind }) => kind === 'segment')) {
    const opened = await run(parts.age!, ['-d', '-i', identity, segmentPath(town, camera, line)], bounds);
    assert.is(opened.code, 0, opened.stderr);
    clear.push(opened.stdout);
  }
  return clear;
}

const missing = Object.entries(parts).find(([, path]) => path === undefined)?.[0];
if (missing !== undefined) test.skip('everything', `${missing} is not installed`);
else {
  test('same recorder, same ledger, same seals: every codec and transport', async () => {
    using folder = temporaryFolder();
    const { simulator, town } = await makeSite(folder.path);
    await using _ = simulator;
    const checked = await runProgram('agent/main.ts', ['check', '--config', town.config, '--json']);
    const findings = JSON.parse(checked.out).findings as { what: string; state: string; detail: string }[];
    for (const { id, ffmpeg } of site) {
      const found = findings.find(({ what }) => what.endsWith(` ${id}`));
      // Audio is on offer, which is a warning.
      assert.is(found?.state, 'warning', found?.detail);
      assert.is(found?.detail.includes(`ffmpeg (${ffmpeg})`), ffmpeg !== undefined, found?.detail);
    }

    await using agent = startAgent(town);
    await agent.recording(undefined, 40_000);
    await eventually(
      'three segments of each',
      () => site.every(({ id }) => ledgerOf(town, id).filter(({ kind }) => kind === 'segment').length >= 3),
      60_000,
    );
    assert.is(ffmpegsOf(agent.pid).length, 5);
    for (const { text } of seenOfChildren(agent.pid)) {
      assert.not.match(text, account.password);
      assert.not.match(text, account.user);
      assert.not.match(text, `:${simulator.port}`);
    }
    const { health } = (await agent.status())!;
    for (const { id, ffmpeg } of site) {
      const camera = health.cameras?.find((one) => one.id === id);
      assert.equal([camera?.state, camera?.ffmpeg], ['recording', ffmpeg], id);
      assert.equal(camera?.offered, ['audio/PCMA'], id);
    }
    assert.equal(await agent.stop(), { code: 0, signal: null });
    assert.not.match(agent.err() + agent.out(), account.password);
    for (const { id } of site) assert.is(simulator.camera(`/${id}`).counters().audioSetUps, 0);
    const verified = await verifyTown(town);
    assert.is(verified.code, 0, JSON.stringify(verified.findings));

    for (const { id, codec } of site) {
      const lines = ledgerOf(town, id);
      assert.equal(
        lines.slice(1).filter(({ kind }) => kind === 'gap'),
        [],
        id,
      );
      for (const [index, line] of lines.slice(1).entries()) assert.is(line.start, lines[index]?.end, id);
      const segments = lines.filter(({ kind }) => kind === 'segment');
      const clear = await clearSegments(town, id);
      for (const [index, bytes] of clear.entries()) {
        const entries = 'stream=codec_type,codec_name,nb_read_packets:packet=pts,flags:format=nb_streams';
        const probed = await run(
          parts.ffprobe!,
          [
            '-v',
            'error',
            '-count_packets',
            '-show_packets',
            '-show_entries',
            entries,
            '-of',
            'json',
            '-i',
            'pipe:0',
          ],
          { ...bounds, input: bytes },
        );
        assert.is(probed.stderr, '', id);
        const { streams, format, packets } = JSON.parse(probed.stdout.toString());
        assert.is(format.nb_streams, 1);
        assert.equal([streams[0].codec_type, streams[0].codec_name], ['video', codec]);
        assert.is(packets[0].flags[0], 'K');
        const rate = codec === 'mjpeg' ? 5 : 10;
        const { start, end } = segments[index]!;
        const heldMs = (Number(streams[0].nb_read_packets) / rate) * 1000;
        assert.ok(
          Math.abs(end - start - heldMs) <= 350,
          `${id}: ${end - start} ms, ${heldMs} ms of pictures`,
        );
        const decode = ['-v', 'error', '-xerror', '-i', 'pipe:0', '-f', 'null', '-'];
        const decoded = await run(parts.ffmpeg!, decode, { ...bounds, input: bytes });
        assert.equal([decoded.code, decoded.stderr], [0, ''], id);
      }
      if (id === 'udp' || id === 'group') {
        const file = readVideoTrack(site.find((one) => one.id === id)!.simulated.file as string);
        const sent = file.samples.flatMap((sample) => [
          ...(sample.sync ? file.parameterSets : []),
          ...splitNals(sample.bytes, file.lengthSize),
        ]);
        const got = clear.flatMap((bytes) => nalsOfMp4(parseFragmentedMp4(bytes)));
        assert.is.not(indexInLoop(sent, got), -1, id);
      }
      if (id === 'mjpeg') {
        const sent = readVideoTrack(fixture('walkers-mjpeg.mp4')).samples.map(({ bytes }) => scanOf(bytes));
        const got = clear.flatMap((bytes) =>
          parseFragmentedMp4(bytes).fragments.flatMap(({ samples }) =>
            samples.map((one) => scanOf(one.bytes)),
          ),
        );
        assert.is.not(indexInLoop(sent, got), -1, id);
      }
    }
  });

  test('an ffmpeg killed is one gap, a silent camera is told within 15 s, a killed agent leaves none behind', async () => {
    using folder = temporaryFolder();
    const { simulator, town } = await makeSite(folder.path);
    await using _ = simulator;
    await using agent = startAgent(town);
    await agent.recording(undefined, 40_000);
    const sealed = (id: string): number => ledgerOf(town, id).filter(({ kind }) => kind === 'segment').length;
    await eventually('segments', () => sealed('chosen') >= 1 && sealed('mpeg4') >= 1, 30_000);

    // Which of them is whose is not to be seen: all of them.
    const killed = ffmpegsOf(agent.pid);
    assert.is(killed.length, 5);
    for (const { pid } of killed) process.kill(pid, 'SIGKILL');
    const gaps = (id: string) =>
      ledgerOf(town, id)
        .slice(1)
        .filter(({ kind }) => kind === 'gap');
    const through = site.filter(({ ffmpeg }) => ffmpeg !== undefined).map(({ id }) => id);
    await eventually('a gap of each', () => through.every((id) => gaps(id).length === 1), 30_000);
    for (const id of through) {
      const [gap] = gaps(id);
      assert.is(gap?.reason, 'stream-error', id);
      // Until the next keyframe after a second or two.
      assert.ok((gap?.end ?? 0) - (gap?.start ?? 0) < 20_000, `${id}: ${JSON.stringify(gap)}`);
    }
    assert.equal(gaps('direct'), []);

    simulator.camera('/mpeg4').stopSending();
    simulator.camera('/group').stopSending();
    const began = performance.now();
    await eventually(
      'both to be told',
      async () => {
        const cameras = (await agent.status())?.health.cameras ?? [];
        return ['mpeg4', 'group'].every((id) => cameras.find((one) => one.id === id)?.reason === 'no-data');
      },
      60_000,
    );
    const toldMs = performance.now() - began;
    process.stdout.write(`\n  measured: silence through ffmpeg told after ${(toldMs / 1000).toFixed(1)} s\n`);
    assert.ok(toldMs < 25_000, `${toldMs} ms`);
    simulator.camera('/mpeg4').resumeSending();
    simulator.camera('/group').resumeSending();
    await eventually(
      'both to be back',
      () => ['mpeg4', 'group'].every((id) => gaps(id).length === 2),
      40_000,
    );
    for (const id of ['mpeg4', 'group']) assert.is(gaps(id)[1]?.reason, 'no-data');

    await agent.recording(undefined, 40_000);
    const orphans = ffmpegsOf(agent.pid).map(({ pid }) => pid);
    assert.is(orphans.length, 5);
    agent.signal('SIGKILL');
    await agent.exit;
    await eventually('none of them lives', () =>
      orphans.every((pid) => {
        try {
          return !readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('127.0.0.1');
        } catch {
          return true;
        }
      }),
    );
  });
}
