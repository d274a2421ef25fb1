import { join } from 'node:path';
import { publicKeyOf } from '#protocol/key.ts';
import { parsePolicy } from '#protocol/policy.ts';
import { waitFor } from '../demo/wait.ts';
import type { Sites } from '../hub/setup/sites.ts';
import { done, type } from './command.ts';
import { extract } from './extraction.ts';
import { brokerOpens, foundOn, nextProgram, uploadsOpen } from './faults.ts';
import type { Fleet } from './fleet.ts';
import {
  howUp,
  isOnline,
  longestHole,
  raised,
  recordedSince,
  recordedUntil,
  recording,
  recordingOf,
} from './look.ts';
import type { FleetNode } from './node.ts';
import { segmentSeconds } from './prepare.ts';
import { seconds } from './report.ts';
import { fillDisk } from './small-disk.ts';
import { behind } from './topology.ts';

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
/** A refusal of the disk stands for half a minute, and is over for another before it is cleared. */
const emptiedMs = 90_000;
const revokedMs = 60_000;
/** A GOP of two seconds, and 64 KiB of a stream of 105 kbit/s; what was not on the disk when the power went. */
const tornMs = 2000 + 5000 + 1000;
/** One segment is open, and one is being closed. */
const openMs = 2 * segmentSeconds * 1000 + 2000;
const slowMbit = 0.25;
const windowMs = 20_000;
/** To sign, to send, to witness and to follow, on a machine that does all of it at once. */
const commandsMs = 15_000;

/**
 * Groups of steps; those of a group run at the same time, since each waits for others most of its time. `together`:
 * in as few groups as can be. `network`: there are links to cut and to slow.
 */
export function stepsFor(cast: Cast, sites: Sites, how: { together: boolean; network: boolean }): Step[][] {
  const nodes = sites.nodes.length;
  const cameras = sites.nodes.reduce((sum, node) => sum + node.cameras.length, 0);
  const called = (id: string): string => `${sites.nodes.find((node) => node.id === id)?.name} (${id})`;
  const up: Step = {
    title: 'Every node is up, heard and recording',
    expected: `${nodes} nodes heard, ${cameras} cameras sealing, every log witnessed, every link measured, no alarm`,
    network: false,
    run: allUp,
  };
  const end: Step = {
    title: 'All is well again, and every store is whole',
    expected: 'every node but the stolen one up, no alarm but of it, no store with a fault',
    network: false,
    run: (fleet, now) => asBefore(fleet, cast, now),
  };
  const faults = [cutLink(cast, called), killSite(cast, called), fillSite(cast, called)];
  const work = [extractTwo(cast, called, how.network), upgradeSite(cast, called)];
  return [[up], ...(how.together ? [[...faults, ...work]] : [faults, work]), [steal(cast, called)], [end]];
}

type Called = (id: string) => string;

async function allUp(fleet: Fleet, now: (text: string) => void): Promise<string> {
  return await waitFor('the whole fleet', startMs, async () => {
    const { up, said } = await howUp(fleet);
    const alarms = raised(await fleet.status());
    now(alarms.length > 0 ? `${said}; raised: ${alarms.join(', ')}` : said);
    return up && alarms.length === 0 && `${said}, no alarm`;
  });
}

function cutLink({ cut }: Cast, called: Called): Step {
  return {
    title: `The link of ${called(cut)} is cut, and restored`,
    expected: `one alarm within ${alarmMs / 1000} s, which explains every node behind it; there every camera is recorded on without a hole; heard again within ${backMs / 1000} s`,
    network: true,
    async run(fleet, now) {
      const hit = behind(fleet.places, cut).map(({ id }) => fleet.node(id));
      const ids = hit.map(({ id }) => id);
      const cutAt = Date.now();
      fleet.ground.town?.link(cut, 'cut');
      const told = await timed(() =>
        waitFor(`the alarm for ${cut}`, alarmMs, async () => {
          const status = await fleet.status();
          const away = ids.filter((id) => !isOnline(status, id));
          const { cameras, of } = await recordingOf(hit);
          now(`cut; ${away.length} of ${ids.length} nodes missed, ${cameras} of ${of} cameras there record`);
          return raised(status, cut).length > 0 && away.length === ids.length;
        }),
      );
      const { alarms } = await fleet.hub.get('GET /alarms');
      const cause = alarms.find(({ node, state }) => node === cut && state.endsWith('acknowledged-active'));
      const unexplained = raised(await fleet.status()).filter(
        (alarm) => alarm !== cause?.id && ids.some((id) => alarm.startsWith(`${id}/`)),
      );
      if (cause === undefined || unexplained.length > 0)
        throw new Error(`more than one alarm: ${[cause?.id, ...unexplained].join(', ')}`);
      const explained = ids.filter((id) => cause.explains.includes(`${id}/node-down`)).length;
      if (explained < ids.length - 1)
        throw new Error(`${cause.id} explains ${explained} of the ${ids.length - 1} nodes behind it`);
      const { cameras, of } = await recordingOf(hit);
      if (cameras < of) throw new Error(`behind the cut ${of - cameras} of ${of} cameras do not record`);
      fleet.ground.town?.link(cut, 'whole');
      const back = await timed(() => heardAgain(fleet, hit, now));
      const holeMs = Math.max(...hit.map((node) => longestHole(node, cutAt, Date.now() - openMs)));
      if (holeMs > 0) throw new Error(`a hole of ${seconds(holeMs)} behind the cut`);
      return `${cause.id} after ${seconds(told)}, explaining ${explained} nodes; ${cameras} of ${of} cameras recorded on without a hole; all heard again after ${seconds(back)}`;
    },
  };
}

function killSite({ killed }: Cast, called: Called): Step {
  return {
    title: `${called(killed)} loses its power and comes back`,
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

function fillSite({ filled }: Cast, called: Called): Step {
  return {
    title: `The disk of ${called(filled)} is full, and emptied`,
    expected: `told within 30 s; the agent stays and says so; once emptied it records again, all clear within ${emptiedMs / 1000} s, the store whole`,
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
        await heardAgain(fleet, [node], now, emptiedMs);
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

function upgradeSite({ upgraded }: Cast, called: Called): Step {
  return {
    title: `${called(upgraded)} is upgraded in place`,
    expected:
      'the town hall hears the new version; the pictures of the restart alone are missing, and all is well',
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
        const { nodes } = await fleet.status();
        return nodes.some(({ id, version }) => id === upgraded && version === next.version);
      });
      await heardAgain(fleet, [node], now);
      await waitFor('a segment after the restart', 60_000, () => recordedUntil(node) > stoppedAt + restart);
      const holeMs = longestHole(node, stoppedAt - 10_000, recordedUntil(node));
      if (holeMs > restart + 2000)
        throw new Error(`${seconds(holeMs)} are missing, the restart took ${seconds(restart)}`);
      const segments = await whole(fleet, node);
      return `version ${next.version} after a restart of ${seconds(restart)}; ${seconds(holeMs)} missing, ${segments} segments verified`;
    },
  };
}

function extractTwo({ slow, extracted }: Cast, called: Called, network: boolean): Step {
  const both = `Two extractions at once, from ${extracted.map(called).join(' and ')}`;
  const over = ` over ${slowMbit} Mbit/s, in twice the time that their bytes take`;
  return {
    title: network ? `${both}, while ${called(slow)} is slow` : both,
    expected: `both complete and verified${network ? over : ''}; both sites record on without a hole, nobody is missed`,
    network: false,
    async run(fleet, now) {
      const { town } = fleet.ground;
      const mbit = fleet.places.find(({ id }) => id === slow)?.uplink?.mbit ?? 0;
      const sites = extracted.map((id) => fleet.node(id));
      const to = await waitFor(`${seconds(windowMs)} of both sites`, startMs, () => {
        now(`waiting until ${seconds(windowMs)} of both are recorded`);
        const until = Math.min(...sites.map(recordedUntil));
        const since = Math.max(...sites.map(recordedSince));
        return until - since >= windowMs && until;
      });
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
        const bytes = delivered.reduce((sum, one) => sum + one.bytes, 0);
        const fairMs = (2 * bytes * 8) / (slowMbit * 1000) + commandsMs;
        const longest = Math.max(...delivered.map(({ ms }) => ms));
        if (town && longest > fairMs) throw new Error(`${seconds(longest)} for ${bytes} bytes`);
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

function steal({ stolen }: Cast, called: Called): Step {
  return {
    title: `The box of ${called(stolen)} is stolen, with its certificate and its key`,
    expected: `within ${revokedMs / 1000} s of "hub revoke" neither broker nor deliveries open to it, and no node follows a policy with its key; the others are heard again`,
    network: false,
    async run(fleet, now) {
      const { prepared, ground, broker } = fleet;
      const node = fleet.node(stolen);
      const others = fleet.nodes.filter(({ id }) => id !== stolen);
      const thief = foundOn(node.etc, stolen);
      const opens = async (): Promise<string[]> => [
        ...((await brokerOpens(ground.brokerDoor, thief)) ? ['broker'] : []),
        ...((await uploadsOpen(ground.uploadDoor, thief)) ? ['deliveries'] : []),
      ];
      const before = await opens();
      if (before.length < 2)
        throw new Error('the thief does not get in before: what follows would prove nothing');
      const key = publicKeyOf(thief.nodeKey).id;
      const began = performance.now();
      done(
        await type('hub', [
          ...['revoke', stolen, '--root-key', prepared.rootKey, '--hub', prepared.hub],
          ...['--broker', broker.certificates, '--broker-restart', `kill -TERM ${broker.pid()}`],
        ]),
      );
      await waitFor('every node to follow a policy without its key', revokedMs, () => {
        const following = others.filter((one) => keyOf(one, stolen) !== key);
        now(`revoked; ${following.length} of ${others.length} nodes follow a policy without its key`);
        return following.length === others.length;
      });
      const after = await opens();
      if (after.length > 0) throw new Error(`still open to the thief: ${after.join(', ')}`);
      const took = performance.now() - began;
      if (took > revokedMs) throw new Error(`it took ${seconds(took)}`);
      await heardAgain(fleet, others, now);
      const status = await node.status();
      if (status?.health.mqtt.connected !== false) throw new Error('the stolen box is still connected');
      await node.stop();
      return `shut out everywhere after ${seconds(took)}; ${others.length} nodes are heard`;
    },
  };
}

/** The key that `holder` believes to be that of `node`, by the policy on its disk. */
function keyOf(holder: FleetNode, node: string): string | undefined {
  return parsePolicy(holder.policy()).policy.nodes.find(({ id }) => id === node)?.key.id;
}

async function asBefore(fleet: Fleet, { stolen }: Cast, now: (text: string) => void): Promise<string> {
  const others = fleet.nodes.filter(({ id }) => id !== stolen);
  await heardAgain(fleet, others, now);
  for (const node of others.filter(({ cameras }) => cameras.length > 0)) await recordsAgain(node, now);
  let verified = 0;
  let segments = 0;
  // What the stolen box signed since is by a key that no policy names.
  const waiting = [...others];
  await Promise.all(
    [0, 1].map(async () => {
      for (let node = waiting.shift(); node !== undefined; node = waiting.shift()) {
        segments += await whole(fleet, node);
        verified += 1;
        now(`${verified} of ${others.length} stores verified`);
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
