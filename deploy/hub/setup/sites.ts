import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { codeOf, Failure } from '#protocol/failure.ts';
import { cameraId, nodeId } from '#protocol/ids.ts';

/** Nodes and cameras of the town, as `deploy/sites/inventory.json` or a file given with `--sites` lists them. */

const degrees = z.number().min(-180).max(180);
const place = { name: z.string().min(1).max(100), lat: degrees.optional(), lon: degrees.optional() };
const annexB = z.string().max(4).optional();
const address = z.url().max(500);

const camera = z.strictObject({
  id: cameraId,
  name: z.string().min(1).max(100),
  ptz: z.boolean().default(false),
  /** Row of annex A. */
  annexA: z.int().positive().optional(),
  opticalZoom: z.int().positive().optional(),
  digitalZoom: z.int().positive().optional(),
  /** Absent: made from the node's `net`. */
  rtsp: address.optional(),
  onvif: address.optional(),
  /** The name of the secret with `user:password`; `null` when the camera asks for none. Absent: the camera's id. */
  credentials: z.string().max(64).nullable().optional(),
});

const node = z.strictObject({
  id: nodeId,
  role: z.enum(['site', 'relay']),
  ...place,
  annexB,
  /** What annex B counts; annex A is followed. */
  camerasAnnexB: z.int().nonnegative().optional(),
  /** First three numbers of the node's network. */
  net: z
    .string()
    .regex(/^\d{1,3}\.\d{1,3}\.\d{1,3}$/)
    .optional(),
  /** Where the disk of the store is mounted, on a box that has one of its own: without it nothing is recorded. */
  mount: z.string().startsWith('/').max(200).optional(),
  uplink: z.strictObject({ to: nodeId, target: z.string().max(200) }).optional(),
  cameras: z.array(camera).max(64),
  /** Sections put into the node's agent.yaml as they stand, over what is made here. */
  agent: z.record(z.string(), z.unknown()).optional(),
});

const sitesSchema = z.strictObject({
  source: z.string().max(500).optional(),
  retention: z.string().max(10).default('7d'),
  /** What somebody has to confirm; shown when the hub is set up. */
  confirm: z.array(z.string().max(500)).max(50).default([]),
  hub: z.strictObject({
    id: nodeId.default('municipio'),
    ...place,
    annexB,
    mqtt: address,
    /** As the nodes reach it. */
    upload: address,
    /** Where the hub listens for uploads, `host:port`. */
    listen: z.string().max(200),
  }),
  nodes: z
    .array(node)
    .min(1)
    .max(1000)
    .refine((nodes) => new Set(nodes.map(({ id }) => id)).size === nodes.length, 'a node stands twice'),
});

export type Sites = z.output<typeof sitesSchema>;
export type SiteNode = Sites['nodes'][number];
export type SiteCamera = SiteNode['cameras'][number];

const ownInventory = new URL('../../sites/inventory.json', import.meta.url);

/** Throws a `config` failure that lists every problem. */
export function readSites(file: string | URL = ownInventory): Sites {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const why = codeOf(cause) === 'ENOENT' ? 'there is no such file' : 'not a JSON file';
    throw new Failure('config', 'sites', `${file}: ${why}`, { cause });
  }
  const parsed = sitesSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `  ${path.join('.')}: ${message}`);
  throw new Failure('config', 'sites', `${file}:\n${problems.join('\n')}`);
}

/** Where the sources of the list disagree with each other, one sentence each. */
export function disagreements(sites: Sites): string[] {
  return sites.nodes
    .filter(({ camerasAnnexB, cameras }) => camerasAnnexB !== undefined && camerasAnnexB !== cameras.length)
    .map(
      ({ id, name, camerasAnnexB, cameras }) =>
        `${id} (${name}): ${cameras.length} in annex A, ${camerasAnnexB} in annex B`,
    );
}
