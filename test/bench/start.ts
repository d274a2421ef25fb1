import { loadavg } from 'node:os';
import { fillStore } from './filled-store.ts';
import { pssBytes } from './process-tree.ts';
import { type Footage, makeNode, startAgent, startCameras } from './subjects.ts';
import { median, table } from './table.ts';

export interface StartOptions {
  footage: Footage;
  segments: number;
  rounds: number;
  folder: string;
  say(text: string): void;
}

export interface StartResult {
  bench: 'start';
  cameras: number;
  segments: number;
  /** From the start of the process until every camera records, by round. */
  recordingMs: number[];
  /** Just after, MiB, by round. */
  pssMiB: number[];
  /** Longest of the event loop until then, by round. */
  stallMs: number[];
  load: number;
  bars: { startMs: { bar: number; met: boolean }; stallMs: { bar: number; met: boolean } };
}

const startBarMs = 5000;
const stallBarMs = 100;
const limitMs = 120_000;

/** How long `agent run` takes until all its cameras record, on a store that holds a week. */
export async function start(options: StartOptions): Promise<StartResult> {
  const { footage, segments, rounds, folder, say } = options;
  await using simulated = await startCameras(footage);
  const town = await makeNode(folder, simulated.urls);
  say(`filling the store with ${segments} segments\n`);
  const names = simulated.urls.map((_, index) => `cam-${index + 1}`);
  fillStore(town.store, names, segments, Date.now() - 60_000);
  const recordingMs: number[] = [];
  const pssMiB: number[] = [];
  const stallMs: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    await using agent = startAgent(town);
    recordingMs.push(await agent.recording(limitMs));
    pssMiB.push(pssBytes(agent.pids) / 2 ** 20);
    await new Promise((resolve) => setTimeout(resolve, 1500)); // Stalls are told a second late.
    stallMs.push(agent.stalls.worstMs());
    const kept = (await agent.status())?.health.store.segments ?? 0;
    // Its oldest segments expire while this runs.
    if (kept < segments * 0.99) throw new Error(`the agent knows ${kept} of ${segments} segments`);
    say(`round ${round} of ${rounds}: ${((recordingMs.at(-1) as number) / 1000).toFixed(2)} s\n`);
  }
  const met = median(recordingMs) <= startBarMs;
  return {
    bench: 'start',
    cameras: footage.cameras,
    segments,
    recordingMs,
    pssMiB,
    stallMs,
    load: loadavg()[0] as number,
    bars: {
      startMs: { bar: startBarMs, met },
      stallMs: { bar: stallBarMs, met: median(stallMs) <= stallBarMs },
    },
  };
}

export function startTable(result: StartResult): string {
  const { cameras, segments, recordingMs, pssMiB, stallMs, bars } = result;
  const verdict = ({ met }: { met: boolean }, bar: string): string => `${met ? 'met' : 'MISSED'} (${bar})`;
  return (
    `${cameras} cameras, ${segments} segments kept, medians of ${recordingMs.length} starts, load ${result.load.toFixed(1)}\n\n` +
    table([
      ['', 'until all record', 'memory (PSS)', 'longest stall'],
      [
        'agent',
        `${(median(recordingMs) / 1000).toFixed(2)} s`,
        `${median(pssMiB).toFixed(0)} MiB`,
        `${median(stallMs).toFixed(0)} ms`,
      ],
      [
        'bar',
        verdict(bars.startMs, `${bars.startMs.bar / 1000} s`),
        '',
        verdict(bars.stallMs, `${bars.stallMs.bar} ms`),
      ],
    ])
  );
}
