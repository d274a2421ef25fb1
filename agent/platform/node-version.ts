import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '#protocol/failure.ts';

/** The version of the program. */
export const version = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'))).version;

/** UTC before which no clock of a box that runs this program can be right. */
export const releasedAt = Date.UTC(2026, 0, 1);

/** Type stripping, `using` and node:sqlite as this program uses them came with this line of Node. */
const wantedMajor = 24;

/** Throws `node-version` on any other Node: a shell that remembers an older one would run it silently. */
export function requireNode(): void {
  if (Number(process.versions.node.split('.')[0]) !== wantedMajor)
    throw new Failure(
      'unavailable',
      'node-version',
      `Node ${wantedMajor} is needed, this is ${process.version}: start with npm run, or use the packaged program`,
    );
}
