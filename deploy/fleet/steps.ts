import { generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parsePolicy } from '#protocol/policy.ts';
import { type } from '../demo/programs.ts';
import { waitFor } from '../demo/wait.ts';
import { done, extract } from './extraction.ts';
import { letsIn, nextProgram } from './faults.ts';
import type { Fleet } from './fleet.ts';
import { howUp, isOnline, longestHole, raised, recordedUntil, recording, recordingOf } from './look.ts';
import type { FleetNode } from './node.ts';
import { segmentSeconds } from './prepare.ts';
import { seconds } from './report.ts';
import { fillDisk } from './small-disk.ts';
import { behind } from './topology.ts';

export interface StepResult {
  held: boolean;
  seen: string;
}

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

const startMs = 180_000;
/** Design: a node or a link that is dead is told at the town hall within 75 s. */
const alarmMs = 75_000;
/** Waits between tries of an agent double up to half a minute; the broker has to answer, too. */
const backMs = 75_000;
const revokedMs = 60_000;
/** A GOP of two seconds, and 64 KiB of a stream of 105 kbit/s; what was not on the disk when the power went. */
const tornMs = 2000 + 5000 + 1000;
/** One segment is open, and one is being closed. */
const openMs = 2 * segmentSeconds * 1000 + 2000;
const slowMbit = 0.25;
const windowMs = 20_000;

/** Groups of steps; those of a group run at the same time, since each waits for others most of its time. */
export function stepsFor(cast: Cast, fleetSize: { nodes: number; cameras: number }): Step[][] {
  return [
    [
      {
        title: 'Every node is up, heard and recording',
        expected: `${fleetSize.nodes} nodes heard, ${fleetSize.cameras} cameras sealing, every log witnessed, every link measured, no alarm`,
        network: false,
        run: allUp,
      },
    ],
    [cutLink(cast), killSite(cast), fillSite(cast)],
    [extractTwo(cast), upgradeSite(cast)],
    [steal(cast)],
    [
      {
        title: 'Everything is as it was, and every store is whole',
        expected: 'every node but the stolen one up, no alarm but of it, no store with a fault',
        network: false,
        run: (fleet, now) => asBefore(fleet, cast, now),
      },
    ],
  ];
}

async function allUp(fleet: Fleet, now: (text: string) => void): Promise<string> {
  await waitFor('the whole fleet', startMs, async () => {
    const { up, said } = await howUp(fleet);
    now(said);
    return up;
  });
  const alarms = raised(await fleet.status());
  if (alarms.length > 0) throw new Error(`raised though all is well: ${alarms.join(', ')}`);
  return (await howUp(fleet)).said;
}

function cutLink({ cut }: Cast): Step {
  return {
    title: `The link of ${cut} is cut, and restored`,
    expected: `told at the town hall within ${alarmMs / 1000} s; behind it every camera is recorded on without a hole; heard again within ${backMs / 1000} s`,
    network: true,
    async run(fleet, now) {
      const hit = behind(fleet.places, cut).map(({ id }) => fleet.node(id));
      const cutAt = Date.now();
      fleet.ground.town?.link(cut, 'cut');
      const told = await timed(() =>
        waitFor(`the alarm for ${cut}`, alarmMs, async () => {
          const status = await fleet.status();
          const away = hit.filter(({ id }) => !isOnline(status, id));
          const { cameras, of } = await recordingOf(hit);
          now(
            `cut; ${away.length} of ${hit.length} nodes missed, ${cameras} of ${of} cameras behind it record`,
          );
          return raised(status, cut).length > 0 && away.length === hit.length;
        }),
      );
      const { cameras, of } = await recordingOf(hit);
      if (cameras < of) throw new Error(`behind the cut ${of - cameras} of ${of} cameras do not record`);
      fleet.ground.town?.link(cut, 'whole');
      const back = await timed(() => heardAgain(fleet, hit, now));
      const holeMs = Math.max(...hit.map((node) => longestHole(node, cutAt, Date.now() - openMs)));
      if (holeMs > 0) throw new Error(`a hole of ${seconds(holeMs)} behind the cut`);
      return `told after ${seconds(told)}, ${hit.length} nodes away, ${cameras} of ${of} cameras recorded on without a hole; all heard again after ${seconds(back)}`;
    },
  };
}

function killSite({ killed }: Cast): Step {
  return {
    title: `${killed} loses its power and comes back`,
    expected: `told within ${alarmMs / 1000} s; nothing sealed is lost, of what was open at most ${seconds(tornMs)}; the store verifies`,
    network: false,
    async run(fleet, now) {
      const node = fleet.node(killed);
      const killedAt = Date.now();
      await node.kill();
      const told = await timed(() =>
        waitFor(`the alarm for ${killed}`, alarmMs, async () => {
          now('killed; not missed yet');
          return raised(await fleet.status(), killed).length > 0;
        }),
      );
      node.start();
      const back = await timed(async () => {
        await recordsAgain(node, now);
        await heardAgain(fleet, [node], now);
      });
      const lostMs = lostBefore(node, killedAt);
      if (lostMs > tornMs) throw new Error(`${seconds(lostMs)} of pictures are gone with the power`);
      const segments = await whole(fleet, node);
      return `told after ${seconds(told)}, back after ${seconds(back)}; ${seconds(lostMs)} lost, ${segments} segments verified`;
    },
  };
}

function fillSite({ filled }: Cast): Step {
  return {
    title: `The disk of ${filled} is full, and emptied`,
    expected:
      'told within 30 s; the agent stays and says so; it records again within 60 s, the alarm cleared, the store whole',
    network: true,
    async run(fleet, now) {
      const node = fleet.node(filled);
      const disk = fillDisk(node.store);
      const told = await timed(() =>
        waitFor('the alarm', 30_000, async () => {
          now('full; not told yet');
          return raised(await fleet.status(), filled).includes(`${filled}/disk-error.store`);
        }),
      );
      if (node.ended() !== undefined) throw new Error(node.ended());
      disk.empty();
      const back = await timed(async () => {
        await recordsAgain(node, now);
        await heardAgain(fleet, [node], now);
      });
      const reasons = new Set(
        node.cameras.flatMap((camera) =>
          node.ledger(camera).flatMap(({ kind, reason }) => (kind === 'gap' && reason ? [reason] : [])),
        ),
      );
      if (!reasons.has('disk-full'))
        throw new Error(`the gap is called ${[...reasons].join(', ') || 'nothing'}`);
      const segments = await whole(fleet, node);
      return `${disk.megabytes.toFixed(0)} MB written; told after ${seconds(told)}, recording and all clear ${seconds(back)} after it was emptied; ${segments} segments verified`;
    },
  };
}

function upgradeSite({ upgraded }: Cast): Step {
  return {
    title: `${upgraded} is upgraded in place`,
    expected: 'the town hall hears the new version; the pictures of the restart alone are missing; no alarm',
    network: false,
    async run(fleet, now) {
      const node = fleet.node(upgraded);
      const next = nextProgram(join(fleet.dir, 'next'));
      const stoppedAt = Date.now();
      await node.stop();
      node.start(next.checkout);
      const restart = await timed(() => recordsAgain(node, now));
      await waitFor('the new version at the town hall', 60_000, async () => {
        now('waiting for the new version at the town hall');
        const status = await fleet.status();
        if (raised(status, upgraded).length > 0) throw new Error(`an alarm: ${raised(status, upgraded)}`);
        return status.nodes.some(({ id, version }) => id === upgraded && version === next.version);
      });
      await waitFor('a segment after the restart', 60_000, () => recordedUntil(node) > stoppedAt + restart);
      const holeMs = longestHole(node, stoppedAt - 10_000, recordedUntil(node));
      if (holeMs > restart + 2000)
        throw new Error(`${seconds(holeMs)} are missing, the restart took ${seconds(restart)}`);
      const segments = await whole(fleet, node);
      return `version ${next.version} after a restart of ${seconds(restart)}; ${seconds(holeMs)} missing, ${segments} segments verified`;
    },
  };
}

function extractTwo({ slow, extracted }: Cast): Step {
  return {
    title: `Two extractions at once, from ${extracted.join(' and ')}, while ${slow} is slow`,
    expected: `both complete and verified over ${slowMbit} Mbit/s; both sites record on without a hole, nobody is missed`,
    network: false,
    async run(fleet, now) {
      const { town } = fleet.ground;
      const mbit = fleet.places.find(({ id }) => id === slow)?.uplink?.mbit ?? 0;
      const sites = extracted.map((id) => fleet.node(id));
      const to = Math.min(...sites.map(recordedUntil));
      const from = to - windowMs;
      town?.rate(slow, slowMbit);
      now(town ? `${slow} carries ${slowMbit} Mbit/s; both are on their way` : 'both are on their way');
      try {
        const delivered = await Promise.all(
          sites.map((node, index) =>
            extract(fleet, {
              node: node.id,
              camera: node.cameras[0] as string,
              from,
              to,
              protocol: `47${index + 11}/2026`,
            }),
          ),
        );
        const status = await fleet.status();
        const missed = sites.filter(({ id }) => !isOnline(status, id) || raised(status, id).length > 0);
        if (missed.length > 0) throw new Error(`missed meanwhile: ${raised(status).join(', ')}`);
        const holeMs = Math.max(...sites.map((node) => longestHole(node, to, Date.now() - openMs)));
        if (holeMs > 0) throw new Error(`a hole of ${seconds(holeMs)} while footage was sent`);
        return delivered
          .map(
            ({ files, bytes, ms }, index) =>
              `${extracted[index]}: ${files} files, ${(bytes / 1000).toFixed(0)} kB in ${seconds(ms)}`,
          )
          .join('; ');
      } finally {
        town?.rate(slow, mbit);
      }
    },
  };
}

function steal({ stolen }: Cast): Step {
  return {
    title: `The box of ${stolen} is stolen, with its certificate and its key`,
    expected: `within ${revokedMs / 1000} s no door opens to it any more and every node follows a policy without its key; the others are heard again`,
    network: false,
    async run(fleet, now) {
      const { prepared, ground } = fleet;
      const node = fleet.node(stolen);
      const others = fleet.nodes.filter(({ id }) => id !== stolen);
      const thief = {
        ca: prepared.broker.ca,
        cert: join(node.box, `${stolen}.crt`),
        key: join(node.box, `${stolen}.key`),
      };
      if (!(await letsIn(ground.brokerDoor, stolen, thief)))
        throw new Error('the thief is not let in before: what follows would prove nothing');
      const began = performance.now();
      prepared.revoke(stolen);
      await fleet.broker.revoked();
      const version = await withoutKey(fleet, stolen);
      await waitFor('every node to follow the next policy', revokedMs, () => {
        const following = others.filter((one) => policyOf(one) === version);
        now(`revoked; ${following.length} of ${others.length} nodes follow policy ${version}`);
        return following.length === others.length;
      });
      if (await letsIn(ground.brokerDoor, stolen, thief)) throw new Error('the thief is let in again');
      const took = performance.now() - began;
      if (took > revokedMs) throw new Error(`it took ${seconds(took)}`);
      await heardAgain(fleet, others, now);
      const refused = (await node.status())?.health.mqtt.connected === false;
      if (!refused) throw new Error('the stolen box is still connected');
      await node.stop();
      return `shut out after ${seconds(took)}; ${others.length} nodes follow policy ${version} and are heard`;
    },
  };
}

/** The next policy, in which the node has a key that nobody holds; hands it to the hub and gives its version. */
async function withoutKey(fleet: Fleet, node: string): Promise<number> {
  const { publicKey } = generateKeyPairSync('ed25519');
  const file = join(fleet.dir, 'nobody.pub');
  const next = join(fleet.dir, 'next-policy.json');
  rmSync(next, { force: true });
  writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }));
  const { hub } = fleet.prepared;
  const root = join(hub, 'keys', 'root.key');
  done(
    await type('hub', [
      ...['policy', 'rotate-node', node, '--key', file, '--root-key', root, '--save', next, '--hub', hub],
    ]),
  );
  const published = done(await type('hub', ['policy', 'publish', next, '--json', '--hub', hub]));
  return JSON.parse(published.stdout).version;
}

function policyOf(node: FleetNode): number {
  return node.policy() === undefined ? 0 : parsePolicy(node.policy() as Buffer).policy.version;
}

async function asBefore(fleet: Fleet, { stolen }: Cast, now: (text: string) => void): Promise<string> {
  const others = fleet.nodes.filter(({ id }) => id !== stolen);
  await heardAgain(fleet, others, now);
  for (const node of others) await recordsAgain(node, now);
  let verified = 0;
  let segments = 0;
  const waiting = [...fleet.nodes];
  await Promise.all(
    [0, 1].map(async () => {
      for (let node = waiting.shift(); node !== undefined; node = waiting.shift()) {
        segments += await whole(fleet, node);
        verified += 1;
        now(`${verified} of ${fleet.nodes.length} stores verified`);
      }
    }),
  );
  const left = raised(await fleet.status()).filter((alarm) => !alarm.startsWith(`${stolen}/`));
  if (left.length > 0) throw new Error(`still raised: ${left.join(', ')}`);
  return `${others.length} nodes up; ${segments} segments in ${verified} stores verified`;
}

/** Until these are online at the town hall and nothing is raised of them. */
async function heardAgain(
  fleet: Fleet,
  nodes: readonly FleetNode[],
  now: (text: string) => void,
): Promise<void> {
  await waitFor('them to be heard and all clear', backMs, async () => {
    const status = await fleet.status();
    const away = nodes.filter(({ id }) => !isOnline(status, id)).map(({ id }) => id);
    const alarms = nodes.flatMap(({ id }) => raised(status, id));
    const left = alarms.length > 0 ? `, still raised: ${alarms.join(', ')}` : '';
    now(`${nodes.length - away.length} of ${nodes.length} heard again${left}`);
    return away.length === 0 && alarms.length === 0;
  });
}

async function recordsAgain(node: FleetNode, now: (text: string) => void): Promise<void> {
  await waitFor(`${node.id} to record`, 60_000, async () => {
    if (node.ended() !== undefined) throw new Error(node.ended());
    const cameras = await recording(node);
    now(`${cameras} of ${node.cameras.length} cameras of ${node.id} record`);
    return cameras === node.cameras.length;
  });
}

/** How long before `at` the last picture on disk is, of the camera that lost most. */
function lostBefore(node: FleetNode, at: number): number {
  return Math.max(
    ...node.cameras.map((camera) => {
      const ends = node
        .ledger(camera)
        .filter(({ kind, start }) => kind === 'segment' && start < at)
        .map(({ end }) => end);
      return at - Math.max(0, ...ends);
    }),
  );
}

async function whole(fleet: Fleet, node: FleetNode): Promise<number> {
  const { ok, segments, said } = await node.verify(join(fleet.prepared.hub, 'root.pub'));
  if (!ok) throw new Error(`the store of ${node.id}: ${said}`);
  return segments;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
