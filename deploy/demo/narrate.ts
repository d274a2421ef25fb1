import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { causeWords, isCause } from '#agent/view/causes.ts';
import { type } from './programs.ts';
import type { DemoSite } from './site.ts';
import { waitFor } from './wait.ts';

/** Footage shown in the printed commands. */
const windowMs = 20_000;

/**
 * Tells what happens and what to type in a second terminal, then stays until `signal` aborts. Every printed command
 * begins with `$ ` and works as it stands in the checkout.
 */
export async function narrate(
  site: DemoSite,
  near: (path: string) => string,
  signal: AbortSignal,
): Promise<void> {
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const hub = `--hub ${near(site.hub)}`;
  const real = site.simulator === undefined;
  say(`
Running, all on this computer (${near(site.dir)}):
  ● broker     ${site.mqttUrl}, embedded
  ● cameras    ${site.cameras.join(', ')}${real ? '' : ', simulated: a car park, looped'}
  ● agent      node ${site.node}: records, seals, reports, obeys
  ● town hall  receives, keeps register and alarms

To look at:
  ${site.pages.hub}   the town hall: map, nodes, every camera's week
  ${site.pages.site}   the site: its cameras' week, links, disk
Whoever is to take on alerts there, or to see requests, gets a login ("hub login add --help").

Every key of this demo lies in the clear. A real site is set up with "hub init".

What records, and what is wrong:
$ npm run -s agent -- status --socket ${near(site.socket)}
The same from the town hall:
$ npm run -s hub -- status ${hub}
`);
  const camera = site.cameras[0] as string;
  say(`Waiting for ${windowMs / 1000} s of ${camera} …`);
  let from = 0;
  let told = '';
  // A camera of one's own may be mended meanwhile: as long as a site would wait.
  const recorded = await waitFor(`${windowMs / 1000} s of footage`, Number.POSITIVE_INFINITY, async () => {
    if (signal.aborted) return 'stopped';
    site.requireAlive();
    const answer = await type('agent', ['status', '--json', '--socket', site.socket]);
    if (answer.code !== 0) return undefined;
    const seen = JSON.parse(answer.stdout).health.cameras.find((one: { id: string }) => one.id === camera);
    from = seen.state === 'recording' ? from || Date.now() : 0;
    const wrong = seen.state !== 'recording' && isCause(seen.reason) ? causeWords(seen.reason, 'en') : '';
    if (wrong !== '' && wrong !== told)
      say(`${camera} is not recorded: ${wrong}; it is tried again and again.`);
    told = wrong || told;
    return from > 0 && Date.now() - from > windowMs + 2000 ? 'recorded' : undefined;
  });
  if (recorded === 'stopped') return;
  const text = (utcMs: number): string => new Date(utcMs).toISOString();
  say(`
The box cannot open what it records. Footage leaves only on a command that an operator and an officer signed:

1. The written request enters the register:
$ npm run -s hub -- request ${hub} --protocol 4711/2026 --date ${text(Date.now()).slice(0, 10)} --authority "Procura della Repubblica di Trento" --person "Mario Rossi, maresciallo" --purpose judicial-police --reason "Danneggiamento di un veicolo" --node ${site.node} --camera ${camera} --from ${text(from + 1000)} --to ${text(from + 1000 + windowMs)}
2. The operator prepares and signs the extraction of the newest request:
$ npm run -s hub -- extract ${hub} --request latest
3. The officer reads, signs and sends it:
$ npm run -s hub -- authorise latest --yes ${hub}
4. The sealed segments arrive:
$ npm run -s hub -- follow latest ${hub}
5. The officer opens them into a package that only the requester can read:
$ npm run -s hub -- open latest ${hub} --identity ${near(join(site.hub, 'identities', 'officer.age'))} --with "Mario Rossi" --pack ${near(freshName(site.dir))} --zip
6. The case is closed, every copy at the town hall deleted:
$ npm run -s hub -- close latest ${hub}
And what the register says of all this:
$ npm run -s hub -- register ${hub}

Recording goes on. Ctrl-C stops it${real ? '' : '; unplug a camera by typing its name and Enter, plug it in the same way'}.`);
  await untilStopped(site, say, signal);
}

/** A package is never written over another one: the folder may hold that of an earlier start. */
function freshName(dir: string): string {
  for (let number = 1; ; number += 1) {
    const path = join(dir, number === 1 ? 'package.zip' : `package-${number}.zip`);
    if (!existsSync(path)) return path;
  }
}

/** Until Ctrl-C; a camera's name and Enter pulls its plug or puts it back. */
function untilStopped(site: DemoSite, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  const unplugged = new Set<string>();
  const onLine = (data: Buffer): void => {
    const name = data.toString().trim();
    const camera =
      site.simulator && site.cameras.includes(name) ? site.simulator.camera(`/${name}`) : undefined;
    if (camera === undefined) return;
    const back = unplugged.delete(name);
    if (!back) unplugged.add(name);
    (back ? camera.plug() : camera.unplug()).then(
      () =>
        say(back ? `${name} is plugged in again.` : `${name} is unplugged. The alert follows within 15 s.`),
      (error: unknown) => say(String(error)),
    );
  };
  return new Promise((resolve, reject) => {
    process.stdin.on('data', onLine);
    const alive = setInterval(() => {
      try {
        site.requireAlive();
      } catch (error) {
        finish();
        reject(error as Error);
      }
    }, 1000);
    const finish = (): void => {
      clearInterval(alive);
      process.stdin.off('data', onLine);
      process.stdin.pause();
      resolve();
    };
    if (signal.aborted) finish();
    else signal.addEventListener('abort', finish, { once: true });
  });
}
