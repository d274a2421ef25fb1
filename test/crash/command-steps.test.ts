// The process dies, or the power goes, before every single change that accepting and running a command makes to the
// disk; the broker sends again what was not acknowledged. It runs, and both its lines are in the log once.
import * as assert from 'uvu/assert';
import { openAudit } from '#agent/audit/audit.ts';
import { openCommands } from '#agent/command/commands.ts';
import type { Runner } from '#agent/command/runner.ts';
import { openReservations } from '#agent/extract/reservations.ts';
import { parseEnvelope } from '#protocol/envelope.ts';
import type { CommandStatus } from '#protocol/status.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { quietLog } from '../support/log.ts';
import { isFrozen, type MemoryDisk, memoryDisk } from '../support/memory-disk.ts';
import { signedWorld } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';

const test = suite('command, crashed at every step', { timeoutMs: 240_000 });
const world = signedWorld();
const extract = world.extract();
const message = world.sign(extract);
const refused = world.sign(world.extract({ camera: 'cam-9', node: 'site-10' }));

// A lane that dies with its process has nobody left to tell.
process.on('unhandledRejection', (error) => {
  if (!isFrozen(error)) throw error;
});

interface Life {
  /** Statuses that left the node. */
  said: CommandStatus[];
  acknowledged: number;
  stop(): Promise<void>;
  lines(): Promise<{ kind: string; id: string }[]>;
  reserved(): boolean;
}

async function begin(disk: MemoryDisk): Promise<Life> {
  const clock = fakeClock();
  const { files } = disk;
  const audit = await openAudit({
    files,
    clock,
    folder: '/store/audit',
    node: 'site-09',
    key: world.keys.node,
  });
  const reservations = await openReservations(files, '/store/extract', clock.utc, () => {
    throw new Error('reservations are written whole or not at all');
  });
  const runner: Runner = {
    admit: async (command) => {
      if (!('camera' in command) || !('from' in command)) throw new Error('not an extraction');
      const { id, camera, from, to } = command;
      await reservations.add({ command: id, camera, from, to, until: clock.utc() + 1000 });
    },
    run: async ({ command }) => {
      assert.ok(reservations.find(command.id), 'what runs is reserved');
      return { segments: 1 };
    },
    forget: (id) => reservations.keepOnly(({ command }) => command !== id),
    keepOnly: (ids) => reservations.keepOnly(({ command }) => ids.has(command)),
  };
  const life: Life = {
    said: [],
    acknowledged: 0,
    async stop() {
      await commands.close();
      await audit.close();
    },
    lines: async () => (await audit.read(1, 100)).map(({ text }) => JSON.parse(text)),
    reserved: () => reservations.find(extract.id) !== undefined,
  };
  const commands = await openCommands({
    files,
    clock,
    log: quietLog,
    folder: '/store/commands',
    node: 'site-09',
    key: world.keys.node,
    policy: () => world.policy,
    clockTrusted: () => true,
    audit,
    publishStatus: (_, text) => {
      life.said.push(JSON.parse(parseEnvelope(Buffer.from(text), 4096).payload.toString()));
    },
    runners: { extract: runner as never },
  });
  for (const one of [message, refused]) {
    await commands.receive(one, 'mqtt');
    life.acknowledged += 1;
  }
  return life;
}
const isOver = (life: Life): boolean =>
  life.said.some(({ id, state }) => id === extract.id && state === 'done') && !life.reserved();
const ended = (life: Life) => eventually('the end', () => isOver(life));

for (const [name, keep] of [
  ['killed', undefined],
  ['cut', 0],
  ['cut, half of it through', 0.5],
] as const)
  test(`${name}: accepted once, done once, refused once`, async () => {
    const whole = memoryDisk(() => 0);
    const first = await begin(whole);
    await ended(first);
    await first.stop();
    const steps = whole.steps();
    assert.ok(steps > 50, `${steps} steps`);
    for (let at = 1; at <= steps; at++) {
      const what = `step ${at} of ${steps}, ${name}`;
      const disk = memoryDisk(() => 0);
      disk.freezeAt(at);
      try {
        const life = await begin(disk);
        await eventually('the end, or the crash', () => isOver(life) || disk.steps() >= at);
        await life.stop();
      } catch (error) {
        if (!isFrozen(error)) throw error;
      }
      disk.crash(keep === undefined ? 'kill' : 'cut', () => keep ?? 1);
      const life = await begin(disk);
      await ended(life);
      const versions = life.said.filter(({ id }) => id === extract.id).map(({ version }) => version);
      assert.equal(
        versions,
        [...versions].sort((a, b) => a - b),
        what,
      );
      await life.stop();
      const again = await begin(disk.fork());
      const counts = (await again.lines()).map(({ kind }) => kind).sort();
      assert.equal(counts, ['command-accepted', 'command-done', 'command-refused'], what);
      await again.stop();
    }
  });
