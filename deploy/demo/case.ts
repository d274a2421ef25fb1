// npm run demo:case: a whole case on this computer, from the request to the deletion, unattended. Exit 0 when all held.
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { exitCodes, sentenceOf } from '#protocol/failure.ts';
import { forbidCoreDumps, openRamFolder } from '../hub/viewing/ram.ts';
import { type CaseScene, caseSteps } from './case-steps.ts';
import { openSite } from './site.ts';
import { runSteps } from './steps.ts';

const usage = `Usage: npm run demo:case [-- OPTIONS]

  --dir DIR    folder for everything (.demo/case in the checkout)
  --keep DIR   leave what the two requesters got in DIR, in the clear, to be looked at
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { dir: { type: 'string' }, keep: { type: 'string' }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const root = join(import.meta.dirname, '..', '..');
  const dir = resolve(values.dir ?? join(root, '.demo', 'case'));
  process.stdout.write(
    `Peio edge agent: a whole case. One site and its town hall, on this computer, in ${dir}\n\n`,
  );
  await forbidCoreDumps();
  // The requesters' machines: what they unpack is in the clear, and lies in memory.
  const ram = openRamFolder('/dev/shm', true);
  process.on('exit', () => ram.remove());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.exit(exitCodes.checkFailed));
  const requesters = values.keep === undefined ? ram.path : resolve(values.keep);
  if (values.keep !== undefined) {
    rmSync(requesters, { recursive: true, force: true });
    mkdirSync(requesters, { recursive: true, mode: 0o700 });
  }
  await using site = await openSite({
    dir,
    camera: undefined,
    fresh: true,
    uploadLimit: '2Mbit',
    fromStart: true,
  }).then((opened) => Object.assign(opened, { [Symbol.asyncDispose]: () => opened.close() }));
  const scene: CaseScene = { site, requesters, filmedFrom: 0, cases: [] };
  const held = await runSteps(caseSteps, scene);
  if (!held) process.stdout.write(`The logs are in ${join(dir, 'log')}.\n`);
  return held ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`it does not start: ${sentenceOf(error)}\n`);
  process.exitCode = 1;
}
