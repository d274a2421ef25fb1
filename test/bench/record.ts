import { cpus, loadavg } from 'node:os';
import { embeddedFfmpeg } from '../support/embedded-ffmpeg.ts';
import { findProgram } from '../support/real-parts.ts';
import { fillStore } from './filled-store.ts';
import { cpuSeconds, pssBytes, storedBytes, writtenBytes } from './process-tree.ts';
import {
  type Footage,
  makeNode,
  type Subject,
  segmentSeconds,
  startAgent,
  startCameras,
  startFfmpegs,
} from './subjects.ts';
import { mean, median, table } from './table.ts';

export type Build = 'system' | 'npm';

export interface RecordOptions {
  footage: Footage;
  ingest: 'auto' | 'ffmpeg';
  /** Which ffmpeg it is measured beside: the system's, and the one of 2018 that comes with npm. */
  builds: readonly Build[];
  seconds: number;
  /** Segments already in the store. */
  segments: number;
  /** Where all write. */
  folder: string;
  say(text: string): void;
}

interface Figures {
  /** Percent of one core, by window. */
  cpuPercent: number[];
  /** MiB, by window. */
  pssMiB: number[];
  /** Mbit/s of files and of pipes between its processes, by window. */
  writtenMbit: number[];
  /** Mbit/s that the disk took, by window. */
  storedMbit: number[];
}

export interface RecordResult {
  bench: 'record';
  footage: Footage;
  ingest: 'auto' | 'ffmpeg';
  segments: number;
  windows: number;
  windowSeconds: number;
  node: string;
  cpu: string;
  /** Of the machine while it was measured, by window: with others at work the figures are worth less. */
  load: number[];
  agent: Figures;
  /** Percent of one core for each camera, mean. */
  cpuPerCamera: number;
  references: Partial<Record<Build, Figures & { ratio: { cpu: number; pss: number } }>>;
  /** Mbit/s that all cameras together really sent to each, packet heads included, by window. */
  sentMbit: number[];
  /** Bytes the disk took from the agent, ledgers and log included, for each byte the cameras sent. */
  writtenPerByte: number;
  /** Of the agent's event loop, from the first window on. */
  stallMs: number;
  bars: Record<string, { bar: number; met: boolean; found: number }>;
}

/** What start-up and compiling cost does not belong to recording. */
const warmUpMs = 12_000;
const windowSeconds = segmentSeconds;
const cpuRatioBar = 0.6;
const pssBarMiB = 150;
/** What the bars are said of. */
const barCameras = 14;
const stallBarMs = 100;
const recordingLimitMs = 120_000;

/**
 * CPU and memory of the agent recording simulated cameras, beside one plain `ffmpeg -c copy -f segment` a camera on
 * the same streams at the same time. All write segments of ten seconds. The simulator is not counted. Throws when
 * one does not write what the cameras send: a figure of something that does not record means nothing.
 */
export async function record(options: RecordOptions): Promise<RecordResult> {
  const { footage, ingest, segments, folder, say } = options;
  const { cameras } = footage;
  await using simulated = await startCameras(footage);
  const town = await makeNode(folder, simulated.urls, { ingest });
  if (segments > 0) {
    say(`filling the store with ${segments} segments\n`);
    const names = simulated.urls.map((_, index) => `cam-${index + 1}`);
    fillStore(town.store, names, segments, Date.now() - 60_000);
  }
  say(`starting the agent and ${options.builds.map((build) => `${cameras} ffmpeg (${build})`).join(', ')}\n`);
  await using agent = startAgent(town);
  await using started = new AsyncDisposableStack();
  const references = options.builds.map((build) => {
    const out = `${folder}/ffmpeg-${build}`;
    return {
      build,
      figures: emptyFigures(),
      subject: started.use(startFfmpegs(pathOf(build), out, simulated.urls)),
    };
  });
  await agent.recording(recordingLimitMs);
  await pass(warmUpMs);

  const windows = Math.max(1, Math.round(options.seconds / windowSeconds));
  const agentFigures = emptyFigures();
  const load: number[] = [];
  const measuredFrom = Date.now();
  const sentMbit: number[] = [];
  /** Of every listener together: the agent and each build. */
  const sentBytes = async (): Promise<number> => {
    const counters = await Promise.all(
      simulated.urls.map((_, i) => simulated.command(`counters /cam-${i + 1}`)),
    );
    return (counters as { bytesSent: number }[]).reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  };
  for (let window = 1; window <= windows; window++) {
    const sentBefore = await sentBytes();
    const measured = [
      measure(agent, agentFigures),
      ...references.map(({ subject, figures }) => measure(subject, figures)),
    ];
    await pass(windowSeconds * 1000);
    for (const finish of measured) finish();
    const sent = ((await sentBytes()) - sentBefore) / (1 + references.length);
    sentMbit.push((sent * 8) / 1e6 / windowSeconds);
    load.push(loadavg()[0] as number);
    const others = references.map(({ build, figures }) => `${build} ffmpeg ${last(figures.cpuPercent)}`);
    say(
      `window ${window} of ${windows}: ${['agent ' + last(agentFigures.cpuPercent), ...others].join(', ')} % of a core\n`,
    );
  }
  await pass(1000); // The last second of stalls is told a second late.
  // On a machine that is too busy the simulated cameras send less than they are asked to.
  const sent = median(sentMbit);
  provesRecording('the agent', agentFigures, sent);
  for (const { build, figures } of references) provesRecording(`ffmpeg (${build})`, figures, sent);

  // Some of its work comes once in a minute, which a median over seconds would hide.
  const cpu = mean(agentFigures.cpuPercent);
  const worstPss = Math.max(...agentFigures.pssMiB);
  const stallMs = agent.stalls.worstMs(measuredFrom);
  const system = references.find(({ build }) => build === 'system');
  const ratio = system && cpu / mean(system.figures.cpuPercent);
  const bar = (limit: number, found: number) => ({ bar: limit, found, met: found <= limit });
  return {
    bench: 'record',
    footage,
    ingest,
    segments,
    windows,
    windowSeconds,
    node: process.version,
    cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    load,
    agent: agentFigures,
    cpuPerCamera: cpu / cameras,
    references: Object.fromEntries(
      references.map(({ build, figures }) => {
        const pss = median(agentFigures.pssMiB) / median(figures.pssMiB);
        return [build, { ...figures, ratio: { cpu: cpu / mean(figures.cpuPercent), pss } }];
      }),
    ),
    sentMbit,
    writtenPerByte: median(agentFigures.storedMbit) / sent,
    stallMs,
    bars: {
      stallMs: bar(stallBarMs, stallMs),
      // They are said of the in-process ingest and of the largest site.
      ...(ingest === 'auto' && cameras <= barCameras && { pssMiB: bar(pssBarMiB, worstPss) }),
      ...(ingest === 'auto' && cameras === barCameras && ratio && { cpuRatio: bar(cpuRatioBar, ratio) }),
    },
  };
}

export function recordTable(result: RecordResult): string {
  const row = (name: string, figures: Figures, ratio?: { cpu: number; pss: number }): string[] => [
    name,
    `${mean(figures.cpuPercent).toFixed(1)} %`,
    ratio ? ratio.cpu.toFixed(2) : '',
    `${median(figures.pssMiB).toFixed(0)} MiB`,
    ratio ? ratio.pss.toFixed(2) : '',
    `${median(figures.storedMbit).toFixed(1)} Mbit/s`,
  ];
  const { footage, ingest, segments, windows, references, bars } = result;
  const { cameras, mbit, fps, linkMbit } = footage;
  return (
    `${cameras} cameras × ${mbit} Mbit/s, ${fps} pictures/s, links of ${linkMbit} Mbit/s, ${segments} segments kept, a picture of each judged every minute, ` +
    `${ingest === 'auto' ? 'in process' : 'through ffmpeg'}\n` +
    `${windows} windows of ${result.windowSeconds} s, CPU their mean, the rest medians; Node ${result.node}, ${result.cpu}, ` +
    `load ${Math.max(...result.load).toFixed(1)}\n\n` +
    table([
      ['', 'CPU of a core', 'agent to it', 'memory (PSS)', 'agent to it', 'to disk'],
      row('agent', result.agent),
      ...Object.entries(references).map(([build, found]) =>
        row(`${cameras} × ffmpeg -c copy (${build})`, found, found.ratio),
      ),
    ]) +
    `\n${result.writtenPerByte.toFixed(3)} bytes on disk for each byte sent (${median(result.sentMbit).toFixed(1)} Mbit/s)\n` +
    `longest stall of the event loop ${result.stallMs.toFixed(0)} ms\n` +
    Object.entries(bars)
      .map(
        ([name, { bar, met, found }]) =>
          `${name}: ${met ? 'met' : 'MISSED'} (${found.toFixed(2)} of ${bar})\n`,
      )
      .join('')
  );
}

/** The builds of ffmpeg that are here. */
export function buildsHere(): Build[] {
  return findProgram('ffmpeg') === undefined ? ['npm'] : ['system', 'npm'];
}

function pathOf(build: Build): string {
  const path = build === 'npm' ? embeddedFfmpeg.path : findProgram('ffmpeg');
  if (path === undefined) throw new Error('ffmpeg is not installed: there is nothing to compare with');
  return path;
}

const last = (values: readonly number[]): string => (values.at(-1) as number).toFixed(1);
const emptyFigures = (): Figures => ({ cpuPercent: [], pssMiB: [], writtenMbit: [], storedMbit: [] });

/** Begins a window; the call that comes back ends it. */
function measure({ pids }: Subject, figures: Figures): () => void {
  const startedMs = performance.now();
  const cpu = cpuSeconds(pids);
  const written = writtenBytes(pids);
  const stored = storedBytes(pids);
  return () => {
    const seconds = (performance.now() - startedMs) / 1000;
    figures.cpuPercent.push(((cpuSeconds(pids) - cpu) / seconds) * 100);
    figures.writtenMbit.push(((writtenBytes(pids) - written) * 8) / 1e6 / seconds);
    figures.storedMbit.push(((storedBytes(pids) - stored) * 8) / 1e6 / seconds);
    figures.pssMiB.push(pssBytes(pids) / 2 ** 20);
  };
}

function provesRecording(name: string, { writtenMbit }: Figures, sentMbit: number): void {
  const got = median(writtenMbit);
  if (got < sentMbit * 0.9)
    throw new Error(
      `${name} wrote ${got.toFixed(1)} of the ${sentMbit.toFixed(1)} Mbit/s that the cameras send`,
    );
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
