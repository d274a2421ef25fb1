// npm run soak:record [-- --minutes 30 --cameras 14 --mbit 4 --fps 25 --file MP4 --faults 0 --dir DIR --json]
// Simulated cameras recorded by `agent run` as it is installed. Ends with the table of gaps, and with 1 when there is one
// that the simulator did not cause, when something is missing without a gap, or when the store does not verify.
// --faults N has the simulator cut off a camera so many times, each for 20 s.
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ledgerOf, verifyTown } from '../support/agent-child.ts';
import { cpuSeconds, pssBytes } from './process-tree.ts';
import { type Fault, type GapFound, judgeLedger, type Lines } from './soak-judge.ts';
import { makeNode, startAgent, startCameras } from './subjects.ts';
import { table } from './table.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    cameras: { type: 'string', default: '14' },
    mbit: { type: 'string', default: '4' },
    fps: { type: 'string', default: '25' },
    file: { type: 'string' },
    faults: { type: 'string', default: '0' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
});
const number = (name: 'minutes' | 'cameras' | 'mbit' | 'fps' | 'faults'): number => {
  const value = Number(values[name]);
  if (values[name] === '' || !Number.isFinite(value) || value < 0)
    throw new Error(`--${name} ${values[name]}: not a number`);
  return value;
};
const say = (text: string): void => void process.stderr.write(`${new Date().toISOString()} ${text}\n`);
const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const footage = {
  cameras: number('cameras'),
  mbit: number('mbit'),
  fps: number('fps'),
  linkMbit: 100,
  file: values.file && resolve(values.file),
};
const soakMs = number('minutes') * 60_000;
const faultMs = 20_000;
const tellEveryMs = 60_000;
const folder = mkdtempSync(join(values.dir, 'peio-soak-'));
try {
  await using simulated = await startCameras(footage);
  const town = await makeNode(folder, simulated.urls, { segment: '60s' });
  const names = simulated.urls.map((_, index) => `cam-${index + 1}`);
  const lines = new Map<string, Lines>();
  const faults: Fault[] = [];
  const loads: number[] = [];
  const pssMiB: number[] = [];
  let cpuPercent = 0;
  let lost: Map<string, number>;
  let stallMs: number;
  {
    await using agent = startAgent(town);
    await agent.recording(60_000);
    const recordingAt = Date.now();
    say(`all ${names.length} cameras record`);
    const began = performance.now();
    const cpuBefore = cpuSeconds(agent.pids);
    const count = number('faults');
    const times = Array.from({ length: count }, (_, i) => ((i + 0.5) / count) * soakMs);
    let told = 0;
    while (performance.now() - began < soakMs) {
      await pass(1000);
      const elapsedMs = performance.now() - began;
      if (elapsedMs >= (times[0] ?? Number.POSITIVE_INFINITY)) {
        times.shift();
        const camera = names[faults.length % names.length] as string;
        const from = Date.now();
        await simulated.command(`unplug /${camera}`);
        await pass(faultMs);
        await simulated.command(`plug /${camera}`);
        faults.push({ camera, from, to: Date.now() });
        say(`${camera} was unplugged for ${faultMs / 1000} s`);
      }
      if (elapsedMs - told < tellEveryMs) continue;
      told = elapsedMs;
      loads.push(loadavg()[0] as number);
      pssMiB.push(pssBytes(agent.pids) / 2 ** 20);
      const states = (await agent.status())?.health.cameras ?? [];
      const recording = states.filter(({ state }) => state === 'recording').length;
      say(
        `${Math.round(elapsedMs / 60_000)} min: ${recording} of ${names.length} record, ` +
          `${pssMiB.at(-1)?.toFixed(0)} MiB, load ${loads.at(-1)?.toFixed(2)}`,
      );
    }
    const seconds = (performance.now() - began) / 1000;
    cpuPercent = ((cpuSeconds(agent.pids) - cpuBefore) / seconds) * 100;
    const states = (await agent.status())?.health.cameras ?? [];
    lost = new Map(states.map(({ id, lostPackets }) => [id, lostPackets ?? 0]));
    stallMs = agent.stalls.worstMs(recordingAt + 2000);
    say('stopping the agent');
  }
  const dropped = new Map<string, number>();
  for (const name of names) {
    const { framesDropped } = (await simulated.command(`counters /${name}`)) as { framesDropped: number };
    dropped.set(name, framesDropped);
    lines.set(name, ledgerOf(town, name));
  }
  const verified = await verifyTown(town);
  const cameras = names.map((camera) => {
    const judged = judgeLedger(
      lines.get(camera) ?? [],
      faults.filter((fault) => fault.camera === camera),
    );
    return {
      camera,
      ...judged,
      lostPackets: lost.get(camera) ?? 0,
      framesDropped: dropped.get(camera) ?? 0,
      enough: judged.bytes * 8 >= 0.97 * footage.mbit * 1e6 * (judged.recordedMs / 1000),
    };
  });
  const gaps = cameras.flatMap(({ camera, gaps: found }) => found.map((gap) => ({ camera, ...gap })));
  const silent = cameras.filter(
    ({ lostPackets, framesDropped, enough, unansweredFaults, recordedMs }) =>
      lostPackets > 0 || framesDropped > 0 || !enough || unansweredFaults > 0 || recordedMs < soakMs * 0.5,
  );
  const met = gaps.every(({ cause }) => cause !== 'unexplained') && silent.length === 0 && verified.ok;
  const load = loads.length === 0 ? 0 : Math.max(...loads);
  const result = {
    footage,
    minutes: soakMs / 60_000,
    cpuPercent,
    pssMiB,
    stallMs,
    load,
    cameras,
    verified,
    met,
  };
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : report());
  if (!met) process.exitCode = 1;

  function report(): string {
    const clock = (at: number): string => new Date(at).toISOString().slice(11, 23);
    const unexplained = gaps.filter(({ cause }) => cause === 'unexplained').length;
    const cell = ({ camera, from, to, reason, cause }: GapFound & { camera: string }): string[] => [
      camera,
      clock(from),
      clock(to),
      `${((to - from) / 1000).toFixed(1)} s`,
      reason,
      cause,
    ];
    return (
      `\n${footage.cameras} cameras × ${footage.mbit} Mbit/s, ${footage.fps} pictures/s, ${soakMs / 60_000} min\n` +
      `agent: ${cpuPercent.toFixed(1)} % of a core, ${Math.max(...pssMiB, 0).toFixed(0)} MiB (PSS) at most, ` +
      `longest stall ${stallMs.toFixed(0)} ms; load of the machine up to ${load.toFixed(1)}\n\n` +
      table([
        ['', 'segments', 'recorded', 'of it', 'gaps', 'unexplained', 'lost packets', 'pictures not taken'],
        ...cameras.map((one) => [
          one.camera,
          String(one.segments),
          `${(one.bytes / 1e6).toFixed(0)} MB`,
          `${(one.recordedMs / 60_000).toFixed(2)} min`,
          String(one.gaps.length),
          String(one.gaps.filter(({ cause }) => cause === 'unexplained').length),
          String(one.lostPackets),
          String(one.framesDropped),
        ]),
      ]) +
      `\n${
        gaps.length === 0
          ? 'No gap between the first picture of a camera and the stop of the agent.\n'
          : table([['gaps', 'from', 'to', 'length', 'reason', 'cause'], ...gaps.map(cell)])
      }\n` +
      `store: ${verified.segments} segments, ${verified.findings.length} findings\n` +
      `${met ? 'met' : 'MISSED'}: ${unexplained} gaps that the simulator did not cause\n`
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
