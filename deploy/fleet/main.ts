// npm run fleet: the whole town on this machine, and a scripted day on which things go wrong. See fleet.ts for what runs.
import { rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { exitCodeOf, Failure, sentenceOf } from '#protocol/failure.ts';
import { prepareFolder } from '../demo/folder.ts';
import { readSites } from '../hub/setup/sites.ts';
import { whyNoBroker } from './broker.ts';
import { type Fleet, type FleetOptions, openFleet } from './fleet.ts';
import { whyNoNamespaces } from './namespaces.ts';
import { openReport, type Report, seconds } from './report.ts';
import { openRecord } from './run-record.ts';
import type { Cast, Step } from './steps/step.ts';
import { stepsFor } from './steps.ts';
import { subset } from './topology.ts';

const usage = `Usage: npm run fleet [-- OPTIONS]

  (nothing)    all nodes of deploy/sites/inventory.json, town hall, broker and simulated cameras; every step shown,
               tried and timed; exit 0 when all held
  --quick      nine nodes of them, as many steps at once as can be
  --keep       leave it up afterwards, until Ctrl-C
  --loopback   on loopback ports, as without root: no link is cut or slowed, no disk filled
  --dir DIR    folder for everything (.demo/fleet in the checkout)
`;

const endMs = 40_000;
const root = join(import.meta.dirname, '..', '..');
const town: Cast = {
  cut: 'relay-c',
  killed: 'site-15',
  stolen: 'site-16',
  filled: 'site-12',
  upgraded: 'site-10',
  slow: 'relay-d',
  extracted: ['site-06', 'site-07'],
};
const few: Cast = {
  cut: 'relay-c',
  killed: 'site-16',
  stolen: 'site-11',
  filled: 'site-11',
  upgraded: 'site-10',
  slow: 'relay-b',
  extracted: ['site-12', 'site-13'],
};
/** Besides: two sites behind the link that is cut. */
const fewMore = ['site-03', 'site-14'];

/** A path as a person would type it here. */
function near(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') || short === '' ? path : short;
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        loopback: { type: 'boolean', default: false },
        dir: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new Failure('usage', 'usage', `${sentenceOf(error)}\n\n${usage}`);
  }
}

async function main(): Promise<number> {
  const values = readArguments();
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const why = whyNoBroker();
  if (why !== undefined) throw new Failure('unavailable', 'no-broker', `${why}: apt-get install mosquitto`);
  const cast = values.quick ? few : town;
  const all = readSites();
  const sites = values.quick
    ? subset(all, [...cast.extracted, cast.filled, cast.killed, cast.upgraded, ...fewMore])
    : all;
  const dir = resolve(values.dir ?? join(root, '.demo', 'fleet'));
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());

  const { stdout } = process;
  const report = openReport((text) => void stdout.write(text), stdout.isTTY ? stdout.columns : undefined);
  const record = openRecord(dir, (left) => report.say(`Cleared away what a killed run left (${left}).`));
  const loopback = values.loopback ? 'as asked for' : whyNoNamespaces();
  const size = {
    nodes: sites.nodes.length,
    cameras: sites.nodes.reduce((sum, { cameras }) => sum + cameras.length, 0),
  };
  report.say(
    `The fleet on this machine: ${size.nodes} nodes, ${size.cameras} cameras and the town hall, in ${near(dir)}`,
  );
  report.say(
    loopback === undefined
      ? 'Every place has a network of its own, joined as the inventory says.\n'
      : `On loopback ports (${loopback}): no link is cut or slowed, no disk filled.\n`,
  );
  let held = false;
  try {
    prepareFolder(dir, true);
    held = await theDay(
      { dir, sites, record, cast, values, network: loopback === undefined },
      report,
      stop.signal,
    );
  } finally {
    report.close();
    record.clear();
  }
  if (held) rmSync(dir, { recursive: true });
  else report.say(`The logs are in ${near(join(dir, 'log'))}.`);
  return held ? 0 : 1;
}

/** Everything up, every step, everything down again. False when a step did not hold or somebody stopped it. */
async function theDay(
  given: Pick<FleetOptions, 'dir' | 'sites' | 'record' | 'network'> & {
    cast: Cast;
    values: { quick: boolean; keep: boolean };
  },
  report: Report,
  signal: AbortSignal,
): Promise<boolean> {
  const { cast, values, network } = given;
  const began = performance.now();
  let fleet: Fleet;
  try {
    const smallDiskOf = network ? cast.filled : undefined;
    fleet = await openFleet({ ...given, smallDiskOf, now: report.now, signal });
  } catch (error) {
    report.say(signal.aborted ? 'Stopped before its end.' : `▲ it does not start: ${sentenceOf(error)}`);
    return false;
  }
  try {
    const steps = stepsFor(cast, given.sites, { together: values.quick, network });
    const held = await play(fleet, steps, network, report, signal);
    if (signal.aborted) report.say('Stopped before its end.');
    else tellUsage(fleet, report, performance.now() - began);
    if (values.keep && !signal.aborted) await keep(fleet, report, signal);
    return held;
  } finally {
    report.say('Stopping …');
    // What does not end by itself is ended: nothing here is worth waiting for.
    const late = setTimeout(given.record.clear, endMs);
    await fleet.close();
    clearTimeout(late);
  }
}

/** Runs the groups one after the other until one does not hold. */
async function play(
  fleet: Fleet,
  groups: readonly Step[][],
  network: boolean,
  report: Report,
  signal: AbortSignal,
): Promise<boolean> {
  const began = performance.now();
  let number = 0;
  let held = 0;
  let tried = 0;
  for (const group of groups) {
    const results = await Promise.all(
      group.map(async (step) => {
        number += 1;
        if (step.network && !network) {
          report.say(`${number}. ${step.title}: left out, it takes root`);
          return true;
        }
        tried += 1;
        const shown = report.step(number, step.title, step.expected);
        try {
          const seen = await orStopped(step.run(fleet, shown.now), signal);
          shown.end({ held: true, seen });
          held += 1;
          return true;
        } catch (error) {
          shown.end(signal.aborted ? undefined : { held: false, seen: sentenceOf(error) });
          return false;
        }
      }),
    );
    if (results.includes(false)) break;
  }
  if (signal.aborted) return false;
  const all = held === tried && number === groups.flat().length;
  const leftOut = number - tried;
  report.say(
    `\n${all ? 'Everything held' : 'It did not hold'}: ${held} of ${groups.flat().length} steps in ${seconds(performance.now() - began)}${leftOut > 0 ? `, ${leftOut} left out` : ''}.`,
  );
  return all;
}

function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stopped = new Promise<never>((_, reject) => {
    const end = (): void => reject(new Error('stopped'));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
  return Promise.race([work, stopped]);
}

function tellUsage(fleet: Fleet, report: Report, ms: number): void {
  const { cpuSeconds, pss } = fleet.usage();
  const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const total = pss.reduce((sum, { bytes }) => sum + bytes, 0);
  const parts = pss.map(({ what, processes, bytes }) => `${what} ${megabytes(bytes)} (${processes})`);
  report.say(`Memory (PSS) ${megabytes(total)}: ${parts.join(', ')}.`);
  report.say(
    `Processor ${cpuSeconds.toFixed(0)} s in ${seconds(ms)}, commands and this script included: ${((100_000 * cpuSeconds) / ms).toFixed(0)} % of one.`,
  );
}

async function keep(fleet: Fleet, report: Report, signal: AbortSignal): Promise<void> {
  report.say(`
It stays up until Ctrl-C.
Its page: ${fleet.page.url}, as "${fleet.page.login}" with the password "${fleet.page.password}"
$ npm run -s hub -- status --hub ${near(fleet.prepared.hub)}
$ npm run -s agent -- status --socket ${near(fleet.prepared.boxes.get(fleet.nodes[0]?.id ?? '')?.socket ?? '')}
`);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

let code: number;
try {
  code = await main();
} catch (error) {
  process.stderr.write(
    `${error instanceof Failure ? error.message : String((error as Error)?.stack ?? error)}\n`,
  );
  code = error instanceof Failure ? exitCodeOf(error) : 1;
}
// A step that was left may still wait for something that will not come.
process.exit(code);
