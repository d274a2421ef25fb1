// One test file in a process of its own: node run-file.ts FILE. The tally goes to descriptor 3 as JSON.
import { writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

Object.assign(globalThis, { UVU_DEFER: 1, UVU_QUEUE: [[null]] });
const { runSuites, tally } = await import('./suite.ts');
await import(pathToFileURL(resolve(process.argv[2] as string)).href);
await runSuites();
try {
  writeSync(3, JSON.stringify(tally));
} catch {
  process.stdout.write(`${tally.passed} passed, ${tally.failed} failed\n`); // Run by hand, without a descriptor 3.
}
if (tally.failed > 0) process.exitCode = 1;
