import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { drillEveryMs, openDrills } from '../../deploy/hub/cases/drill.ts';
import { openRegister } from '../../deploy/hub/register/register.ts';
import { testAlarms } from '../support/alarms.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { caseFolder, inTown, officerIdentity, registerLines } from '../support/hub-case.ts';
import { signedWorld } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the restore drill', { timeoutMs: 120_000 });

test('the escrow identity opens a sample and the newest segment, is noted, and leaves nothing in the clear', () =>
  inTown(async (world) => {
    const escrow = join(world.town.hub, 'identities', 'escrow.age');
    const early = await world.run('drill', '--identity', escrow, '--json');
    assert.is(early.code, 0, early.err);
    assert.is(JSON.parse(early.out).segment, undefined, 'nothing was delivered yet');
    const id = await world.delivered();
    const before = readdirSync(world.town.hub, { recursive: true }).length;
    const done = await world.run('drill', '--identity', escrow, '--json');
    assert.is(done.code, 0, done.err);
    const { passed, samples, segment } = JSON.parse(done.out);
    assert.equal([passed, samples, segment], [true, [{ nodes: [world.town.node], opened: true }], true]);
    assert.is(readdirSync(world.town.hub, { recursive: true }).length, before);

    // The officer's identity proves nothing about the escrow's.
    assert.is((await world.run('drill', '--identity', officerIdentity(world))).code, 2);
    // A delivery that does not open fails the drill, and that is noted too.
    const file = join(caseFolder(world, id), 'files', world.segments.at(-1)?.name ?? '');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    writeFileSync(file, bytes);
    assert.is((await world.run('drill', '--identity', escrow)).code, 1);
    const noted = (await registerLines(world)).filter(({ kind }) => kind === 'drill');
    assert.equal(
      noted.map(({ passed: good, opened }) => [good, opened]),
      [
        [true, undefined],
        [true, true],
        [false, false],
      ],
    );
  }));

test('more than 35 days without one that passed raise an alert; one that passed clears it', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const { policy } = signedWorld(clock.utc());
  const utc = () => clock.utc();
  const register = openRegister(join(folder.path, 'register.sqlite'), utc);
  const alerts = testAlarms(folder.path, clock);
  const bugs: unknown[] = [];
  const broken = (error: unknown) => void bugs.push(error);
  const drills = openDrills({ clock, register, alerts, policy: () => policy, begun: utc(), broken });
  const raised = async (): Promise<string[]> => {
    await drills.look();
    return alerts.raised().map(({ key }) => key);
  };
  const recipient = policy.recipients.find(({ role }) => role === 'escrow')?.recipient ?? '';
  await clock.advance(drillEveryMs);
  assert.equal(await raised(), []);
  await clock.advance(1);
  assert.equal(await raised(), ['drill-overdue']);
  assert.is(drills.enter({ recipient, sample: false }, 'anna').passed, false);
  assert.equal(await raised(), ['drill-overdue']);
  assert.is(drills.enter({ recipient, sample: true }, 'anna').passed, true);
  assert.equal(await raised(), []);
  await clock.advance(drillEveryMs + 1);
  assert.equal(await raised(), ['drill-overdue']);
  drills.close();
  alerts.close();
  register.close();
  assert.equal(bugs, []);
});
