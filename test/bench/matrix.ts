import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildsHere, type RecordOptions, type RecordResult, record } from './record.ts';
import { mean, median, table } from './table.ts';

export interface MatrixResult {
  bench: 'matrix';
  runs: RecordResult[];
  /** What could not be measured, with the reason: a machine that is too small, or too busy, for so many. */
  failed: { cameras: number; ingest: RecordOptions['ingest']; why: string }[];
  bars: Record<string, { bar: number; met: boolean; found: number }>;
}

/** Cost per camera may not rise with their number; this much is the noise of short windows. */
const risingBar = 1.15;

/**
 * Recording with each number of cameras and each ingest, one after the other. `bars` beside those of each run: by how
 * much a camera costs more among more cameras than among fewer, at the worst step from four cameras on.
 */
export async function matrix(
  counts: readonly number[],
  ingests: readonly RecordOptions['ingest'][],
  options: Omit<RecordOptions, 'ingest' | 'builds' | 'segments'>,
): Promise<MatrixResult> {
  const runs: RecordResult[] = [];
  const failed: MatrixResult['failed'] = [];
  for (const ingest of ingests)
    for (const cameras of counts) {
      const folder = join(options.folder, `${ingest}-${cameras}`);
      mkdirSync(folder);
      options.say(`${cameras} cameras, ${ingest === 'auto' ? 'in process' : 'through ffmpeg'}\n`);
      const footage = { ...options.footage, cameras };
      // What plain ffmpeg costs does not depend on how the agent ingests.
      const builds = ingest === 'auto' ? buildsHere() : buildsHere().slice(0, 1);
      try {
        runs.push(await record({ ...options, folder, footage, ingest, builds, segments: 0 }));
      } catch (error) {
        const why = (error as Error).message;
        options.say(`${why}\n`);
        failed.push({ cameras, ingest, why });
      }
      rmSync(folder, { recursive: true, force: true });
    }
  const bars: MatrixResult['bars'] = {};
  for (const ingest of ingests) {
    const costs = runs.filter((run) => run.ingest === ingest && run.footage.cameras >= 4);
    const steps = costs.slice(1).map((run, i) => run.cpuPerCamera / (costs[i] as RecordResult).cpuPerCamera);
    const found = Math.max(0, ...steps);
    if (steps.length > 0)
      bars[`cost per camera, ${ingest}`] = { bar: risingBar, found, met: found <= risingBar };
  }
  for (const run of runs)
    for (const [name, bar] of Object.entries(run.bars))
      bars[`${name}, ${run.footage.cameras} ${run.ingest}`] = bar;
  for (const { cameras, ingest } of failed)
    bars[`measured, ${cameras} ${ingest}`] = { bar: 1, found: 0, met: false };
  return { bench: 'matrix', runs, failed, bars };
}

export function matrixTable({ runs, failed, bars }: MatrixResult): string {
  const percent = (value: number): string => `${value.toFixed(1)} %`;
  const beside = ({ references }: RecordResult, build: 'system' | 'npm'): string[] => {
    const found = references[build];
    if (found === undefined) return ['', '', ''];
    return [
      percent(mean(found.cpuPercent)),
      found.ratio.cpu.toFixed(2),
      `${median(found.pssMiB).toFixed(0)} MiB`,
    ];
  };
  const first = runs[0];
  if (first === undefined) return '';
  const { mbit, fps } = first.footage;
  const missed = Object.entries(bars).filter(([, { met }]) => !met);
  return (
    `${mbit} Mbit/s and ${fps} pictures/s each; ${first.windows} windows of ${first.windowSeconds} s; ` +
    `Node ${first.node}, ${first.cpu}; CPU in percent of a core, mean; memory the median\n\n` +
    table([
      [
        'cameras',
        'agent',
        'a camera',
        'memory',
        'stall',
        'disk/sent',
        'ffmpeg',
        'ratio',
        'memory',
        'ffmpeg (npm)',
        'ratio',
        'memory',
        'load',
      ],
      ...runs.map((run) => [
        `${run.footage.cameras} ${run.ingest === 'auto' ? 'in process' : 'by ffmpeg'}`,
        percent(mean(run.agent.cpuPercent)),
        `${run.cpuPerCamera.toFixed(2)} %`,
        `${median(run.agent.pssMiB).toFixed(0)} MiB`,
        `${run.stallMs.toFixed(0)} ms`,
        run.writtenPerByte.toFixed(3),
        ...beside(run, 'system'),
        ...beside(run, 'npm'),
        Math.max(...run.load).toFixed(1),
      ]),
    ]) +
    `\n${Object.keys(bars).length - missed.length} bars met${missed.length === 0 ? '' : ', MISSED:'}\n` +
    failed.map(({ cameras, ingest, why }) => `  ${cameras} ${ingest}: ${why}\n`).join('') +
    missed.map(([name, { bar, found }]) => `  ${name}: ${found.toFixed(2)} of ${bar}\n`).join('')
  );
}
