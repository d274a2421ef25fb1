import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Alarm, idOf, isActive } from '../../deploy/hub/alarms/alarm.ts';
import { allSilent, explanations } from '../../deploy/hub/alarms/join.ts';
import {
  type Book,
  clear,
  type Notice,
  type Rules,
  raise,
  type Step,
  settle,
} from '../../deploy/hub/alarms/life.ts';
import { topologyOf } from '../../deploy/hub/alarms/topology.ts';
import { suite } from '../support/suite.ts';

const test = suite('joining of alarms');

/** A tree of places: each reaches the town hall by one that stands before it in the list, or directly. */
const places = fc.array(fc.nat(), { minLength: 4, maxLength: 24 }).map((choices) =>
  choices.map((choice, index) => ({
    id: `n-${index}`,
    // A third hangs at the town hall itself.
    uplink: index === 0 || choice % 3 === 0 ? undefined : `n-${choice % index}`,
  })),
);

interface World {
  rules: Rules;
  nodes: string[];
  told: Notice[];
  book(): Book;
  say(node: string, down: boolean, at: number, key?: string): void;
  /** Lets time pass as the hub does: from one thing that is due to the next. */
  until(at: number): void;
}

function worldOf(town: readonly { id: string; uplink: string | undefined }[]): World {
  const nodes = town.map(({ id }) => id);
  const heard = new Map<string, number>();
  const rules: Rules = {
    topology: topologyOf(nodes, town),
    linkOf: () => undefined,
    heardAt: (node) => heard.get(node),
    escalateMs: undefined,
  };
  let book: Book = { alarms: new Map(), maintenance: [] };
  const told: Notice[] = [];
  let due = Number.POSITIVE_INFINITY;
  const apply = (step: Step, at: number): void => {
    const alarms = new Map(book.alarms);
    for (const alarm of step.changed) alarms.set(idOf(alarm), alarm);
    const settled = settle({ ...book, alarms }, rules, at);
    for (const alarm of settled.changed) alarms.set(idOf(alarm), alarm);
    book = { ...book, alarms };
    due = settled.due;
    told.push(...step.notices, ...settled.notices);
    // What is said once is said once: the same moment again changes nothing.
    assert.equal(settle(book, rules, at).notices, []);
  };
  return {
    rules,
    nodes,
    told,
    book: () => book,
    say(node, down, at, key = 'node-down') {
      this.until(at);
      if (!down) heard.set(node, at);
      const before = book.alarms.get(`${node}/${key}`);
      const said = { node, key, severity: 'critical', since: at, detail: 'x', from: 'hub' } as const;
      apply(down ? raise(before, said, at) : clear(before, 'hub', at), at);
    },
    until(at) {
      while (due <= at) apply({ changed: [], notices: [] }, due);
      apply({ changed: [], notices: [] }, at);
    },
  };
}

const raisedOf = (told: readonly Notice[]): string[] =>
  told.filter(({ kind }) => kind === 'raised').map(({ alarm }) => idOf(alarm));

test('a relay that falls with everything behind it is one alarm, whatever the order in which they fall silent', () => {
  fc.assert(
    fc.property(places, fc.nat(), fc.infiniteStream(fc.nat(19_000)), (town, choice, staggers) => {
      const world = worldOf(town);
      const { topology } = world.rules;
      const broken = world.nodes[choice % world.nodes.length] as string;
      const behind = world.nodes.filter((node) => topology.way(node).includes(broken));
      // Nothing left to tell it from: that is another case.
      if (behind.length === world.nodes.length) return;
      const falls = behind
        .map((node) => ({ node, at: 1000 + (staggers.next().value as number) }))
        .sort((a, b) => a.at - b.at);
      for (const { node, at } of falls) world.say(node, true, at);
      world.until(100_000);
      assert.equal(raisedOf(world.told), [`${broken}/node-down`]);
      const fell = falls.find(({ node }) => node === broken)?.at ?? 0;
      assert.ok((world.told[0]?.at ?? 0) - fell <= 21_000);

      // Back with it, or one by one.
      const back = behind.filter((node) => node === broken || (staggers.next().value as number) % 3 > 0);
      for (const [index, node] of back.entries()) world.say(node, false, 200_000 + index * 1000);
      world.until(2_000_000);
      const missing = behind.filter((node) => !back.includes(node));
      const roots = missing.filter(
        (node) =>
          !topology
            .way(node)
            .slice(1)
            .some((at) => missing.includes(at)),
      );
      assert.equal(raisedOf(world.told).slice(1).sort(), roots.map((node) => `${node}/node-down`).sort());
    }),
    { numRuns: 300, includeErrorInReport: true },
  );
});

test('what explains is explained by nothing, and whatever stands is told or explained', () => {
  const event = fc.record({
    node: fc.nat(),
    down: fc.boolean(),
    key: fc.constantFrom('node-down', 'checkpoint-missing'),
    after: fc.nat(60_000),
  });
  fc.assert(
    fc.property(places, fc.array(event, { maxLength: 40 }), (town, events) => {
      const world = worldOf(town);
      let at = 0;
      for (const { node, down, key, after } of events) {
        at += after;
        world.say(world.nodes[node % world.nodes.length] as string, down, at, key);
        const causes = explanations(world.book().alarms.values(), world.rules);
        for (const [id, cause] of causes) {
          assert.is.not(id, cause);
          assert.not(causes.has(cause), `${id} by ${cause}, by ${causes.get(cause)}`);
          assert.ok(isActive(world.book().alarms.get(cause) as Alarm));
        }
      }
      world.until(at + 3_600_000);
      for (const alarm of world.book().alarms.values())
        if (isActive(alarm))
          assert.ok(
            alarm.announcedAt !== undefined || alarm.explainedBy !== undefined,
            `${idOf(alarm)} stands and nobody knows`,
          );
      // Of one alarm told and over alternate.
      const open = new Set<string>();
      for (const { kind, alarm } of world.told) {
        const id = idOf(alarm);
        assert.is(kind === 'raised', !open.has(id), `${kind} ${id}`);
        if (kind === 'raised') open.add(id);
        else open.delete(id);
      }
    }),
    { numRuns: 300, includeErrorInReport: true },
  );
});

test('all nodes silent at once are one alarm of the hub, and come back one by one', () => {
  fc.assert(
    fc.property(places, fc.infiniteStream(fc.nat(19_000)), fc.nat(), (town, staggers, choice) => {
      const world = worldOf(town);
      const { topology } = world.rules;
      if (new Set(world.nodes.map((node) => topology.way(node).at(-1))).size < 2) return;
      const falls = world.nodes
        .map((node) => ({ node, at: 1000 + Math.floor((staggers.next().value as number) / 2) }))
        .sort((a, b) => a.at - b.at);
      for (const { node, at } of falls) world.say(node, true, at);
      world.until(100_000);
      assert.equal(raisedOf(world.told), [allSilent]);
      const lost = world.nodes[choice % world.nodes.length] as string;
      const waiting = world.nodes.filter((node) => topology.way(node).includes(lost));
      for (const node of world.nodes) if (!waiting.includes(node)) world.say(node, false, 200_000);
      if (waiting.length === world.nodes.length) return;
      world.until(900_000);
      assert.equal(raisedOf(world.told), [allSilent, `${lost}/node-down`]);
    }),
    { numRuns: 200, includeErrorInReport: true },
  );
});
