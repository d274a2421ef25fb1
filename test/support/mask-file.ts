import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instantText } from '#protocol/time.ts';
import { start } from './hub-case.ts';

/** A masks.json that leaves one rectangle of walkers.mp4 (768×576), for a minute from `start`; its path. */
export function writeMasks(
  { folder }: { folder: string },
  place = { x: 100, y: 80, width: 200, height: 300 },
  change: Record<string, unknown> = {},
): string {
  const file = join(folder, 'masks.json');
  const key = (atMs: number) => ({ at: instantText(start + atMs), ...place });
  const masks = {
    version: 1,
    picture: { width: 768, height: 576 },
    mode: 'except',
    style: 'solid',
    regions: [{ name: 'richiedente', keys: [key(0), key(60_000)] }],
    ...change,
  };
  writeFileSync(file, JSON.stringify(masks));
  return file;
}
