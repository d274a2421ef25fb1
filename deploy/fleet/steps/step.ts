import { join } from 'node:path';
import { waitFor } from '../../demo/wait.ts';
import type { Fleet } from '../fleet.ts';
import { isOnline, raised, recording } from '../look.ts';
import type { FleetNode } from '../node.ts';
import { segmentSeconds } from '../prepare.ts';

export interface Step {
  title: string;
  expected: string;
  /** Whether it takes links that can be cut, slowed, or disks that can be mounted. */
  network: boolean;
  /** Does it and looks; says in one line what was seen, throws when it did not hold. */
  run(fleet: Fleet, now: (text: string) => void): Promise<string>;
}

/** Who is hit by what. */
export interface Cast {
  cut: string;
  killed: string;
  stolen: string;
  filled: string;
  upgraded: string;
  slow: string;
  /** Two sites whose footage goes over `slow`. */
  extracted: readonly [string, string];
}

/** What a node is called where its id alone says too little. */
export type Called = (id: string) => string;

export const startMs = 180_000;
/** Design: a node or a link that is dead is told at the town hall within 75 s. */
export const alarmMs = 75_000;
/** Waits between tries of an agent double up to half a minute; the broker has to answer, too. */
export const backMs = 75_000;
/** One segment is open, and one is being closed. */
export const openMs = 2 * segmentSeconds * 1000 + 2000;

/** Until these are online at the town hall and nothing is raised of them. */
export async function heardAgain(
  fleet: Fleet,
  nodes: readonly FleetNode[],
  now: (text: string) => void,
  limitMs = backMs,
): Promise<void> {
  await waitFor('them to be heard and all clear', limitMs, async () => {
    const status = await fleet.status();
    const away = nodes.filter(({ id }) => !isOnline(status, id)).map(({ id }) => id);
    const alarms = nodes.flatMap(({ id }) => raised(status, id));
    const left = alarms.length > 0 ? `, still raised: ${alarms.join(', ')}` : '';
    now(`${nodes.length - away.length} of ${nodes.length} heard again${left}`);
    return away.length === 0 && alarms.length === 0;
  });
}

export async function recordsAgain(node: FleetNode, now: (text: string) => void): Promise<void> {
  await waitFor(`${node.id} to record`, 60_000, async () => {
    if (node.ended() !== undefined) throw new Error(node.ended());
    const cameras = await recording(node);
    now(`${cameras} of ${node.cameras.length} cameras of ${node.id} record`);
    return cameras === node.cameras.length;
  });
}

export async function whole(fleet: Fleet, node: FleetNode): Promise<number> {
  const { ok, segments, said } = await node.verify(join(fleet.prepared.hub, 'root.pub'));
  if (!ok) throw new Error(`the store of ${node.id}: ${said}`);
  return segments;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
