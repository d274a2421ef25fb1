import * as assert from 'uvu/assert';
import { runProbe } from '#agent/lifecycle/probe.ts';
import { openLink } from '#agent/link/link.ts';
import type { Asker } from '#agent/link/sample.ts';
import { openLog } from '#agent/platform/log.ts';
import type { Policy } from '#protocol/policy.ts';
import { instantText } from '#protocol/time.ts';
import type { Notice } from '../../deploy/hub/alarms/life.ts';
import { topologyOf } from '../../deploy/hub/alarms/topology.ts';
import { openFleet } from '../../deploy/hub/fleet/fleet.ts';
import { testAlarms } from '../support/alarms.ts';
import { toldConditions } from '../support/conditions.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { townNodes } from '../support/simulated-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('a day of radio', { timeoutMs: 180_000 });
const minute = 60_000;
const dayMs = 24 * 60 * minute;

/** Numbers that look like chance and are the same every time (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A link that loses one packet in a hundred, whose delay has a long tail, and that fades forty times a day for up to
 * ten seconds. Assumed, not measured on the town's radios.
 */
function fadingLink(clock: FakeClock, seed: number): Asker {
  const random = chance(seed);
  const begun = clock.monotonic();
  const fades = Array.from({ length: 40 }, () => ({
    from: begun + random() * dayMs,
    forMs: 3000 + random() * 7000,
  }));
  return {
    async ask() {
      const now = clock.monotonic();
      const faded = fades.some(({ from, forMs }) => now >= from && now < from + forMs);
      if (faded || random() < 0.01) return { kind: 'lost', reason: 'no-answer' };
      const tail = random() < 0.05 ? 400 * random() : 0;
      return { kind: 'answer', roundTripMs: 6 + 20 * -Math.log(1 - random()) + tail };
    },
    close() {},
  };
}

test('24 hours of loss, jitter and fades on three links say nothing', async () => {
  for (const seed of [1, 2, 3]) {
    const clock = fakeClock();
    const { conditions, said } = await toldConditions(clock);
    const asker = fadingLink(clock, seed);
    const parts = {
      id: 'uplink',
      to: 'relay-c',
      kind: 'stamp' as const,
      slowMs: 200,
      everyMs: 10_000,
      delayMs: 0,
    };
    const link = openLink({ ...parts, asker, clock, conditions });
    const stop = new AbortController();
    const running = runProbe(clock, stop.signal, link.probe);
    await clock.advance(dayMs);
    assert.equal(said, [], `seed ${seed}`);
    assert.is(link.reading().state, 'up');
    stop.abort();
    await running;
  }
});

async function inTown(
  body: (world: {
    clock: FakeClock;
    nodes: string[];
    told: Notice[];
    state(node: string, online: boolean): Promise<void>;
    head(node: string): Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const told: Notice[] = [];
  const places = townNodes().nodes;
  const nodes = places.map(({ id }) => id);
  let fleet: ReturnType<typeof openFleet> | undefined;
  const alarms = testAlarms(folder.path, clock, {
    knowledge: {
      topology: () => topologyOf(nodes, places),
      heardAt: (node) => fleet?.heardAt(node),
      linkOf: () => undefined,
    },
    waysFor: (notice) => {
      told.push(notice);
      return [];
    },
  });
  const policy = { nodes: nodes.map((id) => ({ id })) } as unknown as Policy;
  const bugs: unknown[] = [];
  fleet = openFleet({
    clock,
    log: openLog('silent'),
    alerts: alarms,
    policy: () => policy,
    heard: alarms.look,
    broken: (error) => bugs.push(error),
  });
  const opened = fleet;
  try {
    await body({
      clock,
      nodes,
      told,
      head: (node) => opened.checkpoint(node),
      async state(node, online) {
        const said = { state: online ? 'online' : 'offline', bootId: 'b', sessionId: 's', version: '0' };
        await opened.state(node, Buffer.from(JSON.stringify({ ...said, at: instantText(clock.utc()) })));
      },
    });
  } finally {
    fleet.close();
    alarms.close();
  }
  assert.equal(bugs, []);
}

test('24 hours of 19 nodes whose heads come late, in bursts, or not at all for ten minutes say nothing at the hub', () =>
  inTown(async ({ clock, nodes, told, state, head }) => {
    const random = chance(19);
    for (const node of nodes) await state(node, true);
    const due = new Map(nodes.map((node) => [node, clock.monotonic() + random() * 5 * minute]));
    for (let at = 0; at < dayMs; at += 10_000) {
      for (const node of nodes) {
        const next = due.get(node) ?? 0;
        if (clock.monotonic() < next) continue;
        await head(node);
        // Every five minutes, or after a fade of the radio and a connection anew.
        const fade = random() < 0.1 ? random() * 8 * minute : 0;
        due.set(node, next + 5 * minute + fade);
        // Who connects again says so; its will was never told: it came back within its delay.
        if (fade > 0) await state(node, true);
      }
      await clock.advance(10_000);
    }
    assert.equal(
      told.map(({ kind, alarm }) => `${kind} ${alarm.node}/${alarm.key}`),
      [],
    );
  }));

test('a node that comes and goes all night is told four times, the last as one that will not stay', () =>
  inTown(async ({ clock, nodes, told, state, head }) => {
    for (const node of nodes) await state(node, true);
    const others = nodes.filter((node) => node !== 'site-09');
    for (let round = 0; round < 8 * 12; round++) {
      await state('site-09', round % 2 === 1);
      for (const node of others) await head(node);
      await head('site-09');
      await clock.advance(5 * minute);
    }
    await state('site-09', true);
    for (let quiet = 0; quiet < 4; quiet++) {
      for (const node of nodes) await head(node);
      await clock.advance(5 * minute);
    }
    assert.equal(
      told.map(({ kind, flapping }) => `${kind}${flapping && kind === 'raised' ? ', comes and goes' : ''}`),
      ['raised', 'cleared', 'raised', 'cleared', 'raised', 'cleared', 'raised, comes and goes', 'cleared'],
    );
  }));
