import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openAudit } from '#agent/audit/audit.ts';
import { openCommands } from '#agent/command/commands.ts';
import { probeRunner } from '#agent/command/probe.ts';
import { systemFiles } from '#agent/platform/files.ts';
import type { TimeService } from '#agent/platform/time-service.ts';
import { openClockTrust } from '#agent/retention/retention.ts';
import { openStore } from '#agent/store/store.ts';
import { instantText } from '#protocol/time.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { quietLog } from '../support/log.ts';
import { signedWorld } from '../support/signed-world.ts';
import { storeParts } from '../support/store-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('commands under each state of the clock');
const world = signedWorld();

/** A node that asks this time service; its newest ledger line is at `floor`. */
async function node(folder: string, service: TimeService, floor = 0) {
  const clock = fakeClock();
  const store = await openStore(storeParts(join(folder, 'store'), clock));
  const asked = { answer: service };
  const trust = await openClockTrust({
    clock,
    state: store.state,
    service: async () => asked.answer,
    floor,
  });
  await trust.check();
  const common = { files: systemFiles, clock, node: 'site-09', key: world.keys.node };
  const audit = await openAudit({ ...common, folder: join(folder, 'audit') });
  const commands = await openCommands({
    ...common,
    log: quietLog,
    folder: join(folder, 'commands'),
    policy: () => world.policy,
    clockTrusted: trust.trusted,
    audit,
    publishStatus: () => {},
    runners: { probe: probeRunner(async () => {}) },
  });
  return {
    clock,
    trust,
    asked,
    async give(change: object = {}): Promise<string> {
      const status = await commands.receive(world.sign(world.probe(change), [world.keys.operator]), 'usb');
      return status?.reason ?? String(status?.state);
    },
    async close() {
      await commands.close();
      await audit.close();
      await store.close();
    },
  };
}

test('synced, and unknown with nothing that contradicts it: dates count', async () => {
  for (const service of ['synced', 'unknown'] as const) {
    using folder = temporaryFolder();
    const box = await node(folder.path, service);
    assert.is(box.trust.state(), service);
    assert.is(await box.give(), 'accepted');
    const past = box.clock.utc() - 3_600_000;
    const dates = { issuedAt: instantText(past - 60_000), expiresAt: instantText(past) };
    assert.is(await box.give(dates), 'expired');
    await box.close();
  }
});

test('unsynchronised, and unknown behind its own ledger: nobody can say whether it has expired', async () => {
  for (const [service, ahead] of [
    ['unsynchronised', 0],
    ['unknown', 86_400_000],
  ] as const) {
    using folder = temporaryFolder();
    const box = await node(folder.path, service, fakeClock().utc() + ahead);
    assert.is(await box.give(), 'clock-untrusted', service);
    // What it refuses for its clock it takes when time has arrived.
    box.asked.answer = 'synced';
    box.clock.stepUtc(2 * ahead);
    await box.trust.check();
    const now = box.clock.utc();
    const dates = { issuedAt: instantText(now - 1000), expiresAt: instantText(now + 3_600_000) };
    assert.is(await box.give(dates), ahead === 0 ? 'accepted' : 'clock-untrusted', service);
    if (ahead > 0) {
      box.trust.hubSaid(now, box.clock.monotonic());
      assert.is(await box.give(dates), 'accepted', 'the hub agrees with the step');
    }
    await box.close();
  }
});

test('stepped: an old command put in front of a clock that was moved back is not believed', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path, 'synced');
  const kept = {
    issuedAt: instantText(box.clock.utc() - 1000),
    expiresAt: instantText(box.clock.utc() + 60_000),
  };
  await box.clock.advance(3_600_000);
  assert.is(await box.give(kept), 'expired');
  box.clock.stepUtc(-3_600_000);
  assert.is(box.trust.state(), 'stepped');
  assert.is(await box.give(kept), 'clock-untrusted');
  // The hub's last word, advanced by the monotonic clock, contradicts the step.
  box.trust.hubSaid(box.clock.utc() + 3_600_000, box.clock.monotonic());
  assert.is(await box.give(kept), 'clock-untrusted');
  await box.close();
});
