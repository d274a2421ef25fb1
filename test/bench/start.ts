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
  bars: { startMs: { bar: number; met: boolean } };
}

const startBarMs = 5000;
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
  for (let round = 1; round <= rounds; round++) {
    await using agent = startAgent(town);
    recordingMs.push(await agent.recording(limitMs));
    pssMiB.push(pssBytes(agent.pids) / 2 ** 20);
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
    bars: { startMs: { bar: startBarMs, met } },
  };
}

export function startTable({ cameras, segments, recordingMs, pssMiB, bars }: StartResult): string {
  return (
    `${cameras} cameras, ${segments} segments kept, medians of ${recordingMs.length} starts\n\n` +
    table([
      ['', 'until all record', 'memory (PSS)'],
      ['agent', `${(median(recordingMs) / 1000).toFixed(2)} s`, `${median(pssMiB).toFixed(0)} MiB`],
      ['bar', `${bars.startMs.met ? 'met' : 'MISSED'} (${bars.startMs.bar / 1000} s)`, ''],
    ])
  );
}
