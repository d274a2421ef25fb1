import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openAudit } from '#agent/audit/audit.ts';
import { openCommands } from '#agent/command/commands.ts';
import { openHolds } from '#agent/extract/holds.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { parseEnvelope } from '#protocol/envelope.ts';
import { longestHoldMs } from '#protocol/policy.ts';
import type { CommandStatus } from '#protocol/status.ts';
import { instantText } from '#protocol/time.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { fakeFootage } from '../support/fake-footage.ts';
import { quietLog } from '../support/log.ts';
import { signedWorld } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('holds');
const world = signedWorld();
const dayMs = 86_400_000;

async function node(folder: string, clock = fakeClock(), footage = fakeFootage(join(folder, 'footage'))) {
  const trust = { clock: true };
  const audit = await openAudit({
    files: systemFiles,
    clock,
    folder: join(folder, 'audit'),
    node: 'site-09',
    key: world.keys.node,
  });
  const releasing: [string, number][] = [];
  const holds = await openHolds({
    files: systemFiles,
    clock,
    log: quietLog,
    folder: join(folder, 'holds'),
    retentionMs: 7 * dayMs,
    footage,
    clockTrusted: () => trust.clock,
    latestEnd: (utc) => utc + longestHoldMs(world.policy),
    note: audit.append,
    releasing: ({ id }, at) => releasing.push([id, at]),
  });
  const said: CommandStatus[] = [];
  const commands = await openCommands({
    files: systemFiles,
    clock,
    log: quietLog,
    folder: join(folder, 'commands'),
    node: 'site-09',
    key: world.keys.node,
    policy: () => world.policy,
    clockTrusted: () => true,
    audit,
    publishStatus: (_, text) => {
      said.push(JSON.parse(parseEnvelope(Buffer.from(text), 4096).payload.toString()));
    },
    runners: { hold: holds.hold, release: holds.release },
  });
  return {
    clock,
    footage,
    holds,
    trust,
    releasing,
    give: async (payload: unknown) => (await commands.receive(world.sign(payload), 'mqtt'))?.reason,
    done: (id: string) =>
      eventually('done', () => said.some((status) => status.id === id && status.state === 'done')),
    kinds: async () =>
      (await audit.read(1, 100)).map(({ text }) => JSON.parse(text)).map(({ kind, cause }) => cause ?? kind),
    async close() {
      await commands.close();
      await holds.close();
      await audit.close();
    },
  };
}

test('a hold keeps its window, over restarts, until its date, and then ends by itself', async () => {
  using folder = temporaryFolder();
  let box = await node(folder.path);
  const now = box.clock.utc();
  box.footage.add(now - 700_000, now - 200_000);
  const hold = world.hold({ until: instantText(now + 10 * dayMs) });
  assert.is(await box.give(hold), undefined);
  await box.done(hold.id);
  await box.close();
  box = await node(folder.path, box.clock, box.footage);
  assert.ok(box.holds.held('cam-1', now - 700_000, now - 599_999));
  assert.ok(box.holds.held('cam-1', now - 300_001, now));
  assert.not.ok(box.holds.held('cam-1', now - 700_000, now - 600_000));
  assert.not.ok(box.holds.held('cam-1', now - 300_000, now));
  assert.not.ok(box.holds.held('cam-2', now - 600_000, now - 300_000));
  box.clock.stepUtc(10 * dayMs);
  // Whoever can move the clock cannot end a hold with it.
  box.trust.clock = false;
  await box.clock.advance(60_000);
  assert.ok(box.holds.held('cam-1', now - 600_000, now - 300_000));
  box.trust.clock = true;
  assert.not.ok(box.holds.held('cam-1', now - 600_000, now - 300_000));
  await box.clock.advance(60_000);
  await eventually('the line', async () => (await box.kinds()).includes('expired'));
  await eventually('the file to go', () => readdirSync(join(folder.path, 'holds')).length === 0);
  await box.close();
});

test('a hold that a later version wrote is kept by this one', async () => {
  using folder = temporaryFolder();
  const first = await node(folder.path);
  const now = first.clock.utc();
  first.footage.add(now - 700_000, now - 200_000);
  const hold = world.hold();
  await first.give(hold);
  await first.done(hold.id);
  await first.close();
  const path = join(folder.path, 'holds', `${hold.id}.json`);
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), colour: 'red' }));
  const box = await node(folder.path, first.clock, first.footage);
  assert.ok(box.holds.held('cam-1', now - 600_000, now - 300_000));
  await box.close();
});

test('a release takes effect after a day, and is told at once', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path);
  const now = box.clock.utc();
  box.footage.add(now - 700_000, now - 200_000);
  const hold = world.hold();
  await box.give(hold);
  await box.done(hold.id);
  const release = world.release(hold.id);
  assert.is(await box.give(release), undefined);
  await box.done(release.id);
  assert.equal(box.releasing, [[hold.id, now + dayMs]]);
  await box.clock.advance(dayMs - 120_000);
  assert.ok(box.holds.held('cam-1', now - 600_000, now - 300_000));
  await box.clock.advance(120_000);
  assert.not.ok(box.holds.held('cam-1', now - 600_000, now - 300_000));
  await eventually('the line', async () => {
    if ((await box.kinds()).includes('released')) return true;
    await box.clock.advance(60_000);
    return false;
  });
  await box.close();
});

test('refused: an unknown hold, a window that is not here, an end that is too late or past', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path);
  const now = box.clock.utc();
  box.footage.add(now - 700_000, now - 200_000);
  const until = (ms: number) => ({ until: instantText(now + ms) });
  assert.is(await box.give(world.release(world.hold().id)), 'unknown-hold');
  assert.is(await box.give(world.hold({ camera: 'cam-2' })), 'unknown-camera');
  assert.is(await box.give(world.hold({ from: instantText(now - 30 * dayMs) })), 'outside-retention');
  assert.is(await box.give(world.hold({ to: instantText(now + 60_000) })), 'outside-retention');
  assert.is(await box.give(world.hold(until(181 * dayMs))), 'outside-retention');
  assert.is(await box.give(world.hold(until(-1000))), 'outside-retention');
  assert.is(await box.give(world.hold({ purpose: 'defence' })), 'purpose-not-allowed');
  assert.equal(box.holds.all(), []);
  await box.close();
});
