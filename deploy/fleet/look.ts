import type { StatusAnswer } from '../hub/api/schema.ts';
import type { Fleet } from './fleet.ts';
import type { FleetNode } from './node.ts';

/** Looking at the fleet: from the town hall, from a box's own socket, and on its disk. */

export function isOnline(status: StatusAnswer, id: string): boolean {
  return status.nodes.some((node) => node.id === id && node.state === 'online');
}

/** `site-09/camera-down.cam-1` of everything that is raised, worst first. */
export function raised(status: StatusAnswer, ofNode?: string): string[] {
  return status.alerts
    .filter(({ node }) => ofNode === undefined || node === ofNode)
    .map(({ node, key }) => `${node}/${key}`);
}

/** Cameras that a node itself says it records now. */
export async function recording(node: FleetNode): Promise<number> {
  const status = await node.status();
  return status?.health.cameras?.filter(({ state }) => state === 'recording').length ?? 0;
}

export async function recordingOf(nodes: readonly FleetNode[]): Promise<{ cameras: number; of: number }> {
  const counts = await Promise.all(nodes.map(recording));
  return {
    cameras: counts.reduce((sum, count) => sum + count, 0),
    of: nodes.reduce((sum, { cameras }) => sum + cameras.length, 0),
  };
}

/** Everything heard, every camera recording with a segment sealed, every link measured, every head cosigned. */
export async function howUp(fleet: Fleet): Promise<{ up: boolean; said: string }> {
  fleet.requireAlive();
  const status = await fleet.status();
  const online = status.nodes.filter(({ state }) => state === 'online').length;
  const cosigned = status.nodes.filter(({ checkpointAt }) => checkpointAt !== undefined).length;
  const seen = status.nodes.flatMap(({ health }) => health?.cameras ?? []);
  const sealing = seen.filter(({ state, newestSegment }) => state === 'recording' && newestSegment).length;
  const links = status.nodes.flatMap(({ health }) => health?.links ?? []);
  const measured = links.filter(({ state }) => state === 'up').length;
  const cameras = fleet.nodes.reduce((sum, one) => sum + one.cameras.length, 0);
  const all = fleet.nodes.length;
  const said = `${online} of ${all} nodes heard, ${cosigned} logs witnessed, ${sealing} of ${cameras} cameras sealing, ${measured} of ${all} links measured`;
  return {
    up: online === all && cosigned === all && sealing === cameras && measured === all,
    said,
  };
}

/** The longest stretch without a picture of any camera in `[from, to)`, by the ledgers on its disk, in milliseconds. */
export function longestHole(node: FleetNode, from: number, to: number): number {
  return Math.max(
    0,
    ...node.cameras.map((camera) => {
      let covered = from;
      let longest = 0;
      for (const { kind, start, end } of node.ledger(camera)) {
        if (kind !== 'segment' || end <= from || start >= to) continue;
        longest = Math.max(longest, start - covered);
        covered = Math.max(covered, end);
      }
      return Math.max(longest, to - covered);
    }),
  );
}

/** UTC up to which every camera of a node is on disk. */
export function recordedUntil(node: FleetNode): number {
  return Math.min(
    ...node.cameras.map((camera) =>
      Math.max(0, ...node.ledger(camera).flatMap(({ kind, end }) => (kind === 'segment' ? [end] : []))),
    ),
  );
}

/** UTC from which every camera of a node is on disk. */
export function recordedSince(node: FleetNode): number {
  return Math.max(
    ...node.cameras.map(
      (camera) =>
        node.ledger(camera).find(({ kind }) => kind === 'segment')?.start ?? Number.POSITIVE_INFINITY,
    ),
  );
}
