import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const named = z.record(z.string(), z.string());
const lockSchema = z.looseObject({
  packages: z.record(
    z.string(),
    z.looseObject({
      version: z.string().optional(),
      integrity: z.string().optional(),
      license: z.string().optional(),
      dependencies: named.optional(),
      peerDependencies: named.optional(),
      peerDependenciesMeta: z
        .record(z.string(), z.looseObject({ optional: z.boolean().optional() }))
        .optional(),
    }),
  ),
});

export type Locked = z.output<typeof lockSchema>['packages'][string];
/** By place, `node_modules/a/node_modules/b`, as package-lock.json has them. */
export type Lock = Readonly<Record<string, Locked>>;

export function readLock(root: string): Lock {
  return lockSchema.parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))).packages;
}

/** Types for the checker: nothing at run time asks for them. */
const typesOnly = /(?:^|\/)node_modules\/(?:@types\/[^/]+|undici-types)$/;

/** The places of `names` and of all they need to run, sorted. Optional dependencies stay out. */
export function closure(lock: Lock, names: readonly string[]): string[] {
  const found = new Set<string>();
  const add = (from: string, name: string): void => {
    const place = placeOf(lock, from, name);
    if (found.has(place) || typesOnly.test(place)) return;
    found.add(place);
    const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = lock[place] as Locked;
    for (const needed of Object.keys(dependencies)) add(place, needed);
    for (const peer of Object.keys(peerDependencies))
      if (peerDependenciesMeta[peer]?.optional !== true) add(place, peer);
  };
  for (const name of names) add('', name);
  return [...found].sort();
}

/** Where Node finds `name` when a file of `from` asks: beside it, or in any folder above. */
function placeOf(lock: Lock, from: string, name: string): string {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const place = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (Object.hasOwn(lock, place)) return place;
    if (at === '')
      throw new Error(`${from || 'the project'} needs ${name}, which package-lock.json does not have`);
  }
}
