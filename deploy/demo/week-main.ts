// npm run demo:week: the whole town with a week of faults behind it, to look at. One site and the town hall are the
// real programs, over a store and logs that were filled; the other nodes say what they would say.
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { exitCodeOf, Failure, sentenceOf } from '#protocol/failure.ts';
import { openWeek, type Week } from './week-town.ts';

const usage = `Usage: npm run demo:week [-- OPTIONS]

  (nothing)    fill a week, open the pages of town hall and site, until Ctrl-C
  --dir DIR    folder for everything (.demo/week in the checkout); emptied at every start
  --once       look at both pages once, and end
`;

const root = join(import.meta.dirname, '..', '..');
const say = (text: string): void => void process.stdout.write(`${text}\n`);

function readArguments() {
  try {
    return parseArgs({
      options: {
        dir: { type: 'string' },
        once: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new Failure('usage', 'usage', `${sentenceOf(error)}\n\n${usage}`);
  }
}

/** The first sentence of a page, as a reader sees it. Throws when the page is not there. */
async function firstLine(address: string): Promise<string> {
  const answer = await fetch(address);
  const text = /<h1[^>]*>([^<]*)<\/h1>/.exec(await answer.text())?.[1];
  if (!answer.ok || text === undefined) throw new Error(`${address} answers ${answer.status}`);
  return text.replaceAll('&#39;', "'").replaceAll('&amp;', '&').trim();
}

/** Until Ctrl-C; the id of a node and Enter cuts it off, with whatever is behind it, or puts it back. */
function untilStopped(week: Week, signal: AbortSignal): Promise<void> {
  return new Promise((end, reject) => {
    const finish = (): void => {
      clearInterval(alive);
      process.stdin.off('data', onLine);
      process.stdin.pause();
    };
    const fail = (error: unknown): void => {
      finish();
      reject(error as Error);
    };
    const onLine = (data: Buffer): void => {
      week.toggle(data.toString().trim()).then((said) => said !== undefined && say(said), fail);
    };
    const alive = setInterval(() => {
      try {
        week.requireAlive();
      } catch (error) {
        fail(error);
      }
    }, 1000);
    process.stdin.on('data', onLine);
    const stopped = (): void => {
      finish();
      end();
    };
    if (signal.aborted) stopped();
    else signal.addEventListener('abort', stopped, { once: true });
  });
}

async function main(): Promise<number> {
  const values = readArguments();
  if (values.help) {
    say(usage);
    return 0;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  const dir = resolve(values.dir ?? join(root, '.demo', 'week'));
  say('Filling a week of 19 nodes and 43 cameras …');
  const began = performance.now();
  const week = await openWeek(dir);
  try {
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const near = relative(process.cwd(), week.hub);
    say(`
A town with a week of faults behind it, after ${seconds} s, all on this computer (${relative(process.cwd(), dir) || dir}):

  ${week.pages.hub}   the town hall: log in as ${week.logins.join(', ')}, password "${week.password}"
    "${await week.firstLineOfHub()}"
  ${week.pages.site}   the site ${week.site}, as its maintainer sees it
    "${await firstLine(week.pages.site)}"

The same in the terminal:
$ npm run -s hub -- status --hub ${near.startsWith('..') ? week.hub : near}
$ npm run -s agent -- status --socket ${week.socket}
`);
    if (values.once) return 0;
    say(`Ctrl-C stops it. Type ${week.relay} and Enter to cut off that relay, and again to put it back.`);
    await untilStopped(week, stop.signal);
  } finally {
    say('\nStopping …');
    await week.close();
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const text = error instanceof Failure ? error.message : String((error as Error)?.stack ?? error);
  process.stderr.write(`${text}\n`);
  process.exitCode = error instanceof Failure ? exitCodeOf(error) : 1;
}
