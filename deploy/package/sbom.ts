import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Lock } from './lock.ts';
import { must } from './npm.ts';

const bomSchema = z.looseObject({
  serialNumber: z.string().optional(),
  metadata: z.looseObject({ timestamp: z.string().optional() }),
  components: z.array(z.looseObject({ name: z.string() })),
});

/**
 * The CycloneDX list of what is inside, Node itself included: made by npm from the part of the lock file that went in,
 * with time and serial number taken from the content, so that the same package has the same list.
 */
export async function sbomText(
  folder: string,
  about: {
    name: string;
    version: string;
    direct: readonly string[];
    places: readonly string[];
    epoch: number;
  },
  lock: Lock,
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const dependencies = Object.fromEntries(
    about.direct.map((name) => [name, lock[`node_modules/${name}`]?.version ?? '']),
  );
  const self = { name: about.name, version: about.version, license: 'MIT', dependencies };
  const kept = new Set(about.places);
  const packages = Object.fromEntries(about.places.map((place) => [place, trimmed(lock, place, kept)]));
  const write = (file: string, value: unknown): void =>
    writeFileSync(join(folder, file), JSON.stringify(value));
  write('package.json', self);
  write('package-lock.json', {
    name: about.name,
    version: about.version,
    lockfileVersion: 3,
    requires: true,
    packages: { '': self, ...packages },
  });
  const made = await must(
    'npm',
    ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'],
    { cwd: folder },
  );
  const bom = bomSchema.parse(JSON.parse(made));
  delete bom.serialNumber;
  bom.metadata.timestamp = new Date(about.epoch * 1000).toISOString();
  const hash = createHash('sha256').update(JSON.stringify(bom)).digest('hex');
  // RFC 9562 §5.8: a UUID of our own making.
  const uuid = `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
  return `${JSON.stringify({ ...bom, serialNumber: `urn:uuid:${uuid}` }, null, 2)}\n`;
}

/** What it needs and did not go in (types, optional parts) is not asked for. */
function trimmed(lock: Lock, place: string, kept: ReadonlySet<string>): unknown {
  const {
    dependencies = {},
    peerDependencies: _peers,
    optionalDependencies: _optional,
    ...rest
  } = lock[place] ?? {};
  const names = new Set(
    [...kept].map((one) => one.slice(one.lastIndexOf('node_modules/') + 'node_modules/'.length)),
  );
  return {
    ...rest,
    optional: undefined,
    os: undefined,
    cpu: undefined,
    dependencies: Object.fromEntries(Object.entries(dependencies).filter(([name]) => names.has(name))),
  };
}
