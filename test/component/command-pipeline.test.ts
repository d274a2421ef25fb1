import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openAudit } from '#agent/audit/audit.ts';
import { openCommands } from '#agent/command/commands.ts';
import { probeRunner } from '#agent/command/probe.ts';
import type { AcceptedCommand, Progress, Runner, Runners } from '#agent/command/runner.ts';
import { type Files, systemFiles } from '#agent/platform/files.ts';
import { Refusal, unverifiedId } from '#protocol/command.ts';
import { parseEnvelope, payloadTypes, verifyEnvelope } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { type CommandStatus, commandStatus } from '#protocol/status.ts';
import { instantText } from '#protocol/time.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { quietLog } from '../support/log.ts';
import { signedWorld, uuidV7 } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('command pipeline');
const world = signedWorld();

/** An extraction that ends when the test says so. */
function scriptedRunner() {
  const runs: {
    accepted: AcceptedCommand;
    report(progress: Progress): void;
    done(result: Progress): void;
    fail(error: unknown): void;
  }[] = [];
  const kept = new Set<string>();
  const runner: Runner = {
    admit: async (command) => {
      if ('camera' in command && command.camera === 'cam-9') throw new Refusal('unknown-camera', 'no cam-9');
      kept.add(command.id);
    },
    run: (accepted, report, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        runs.push({ accepted, report, done: resolve, fail: reject });
      }),
    forget: async (id) => {
      kept.delete(id);
    },
    keepOnly: async (ids) => {
      for (const id of kept) if (!ids.has(id)) kept.delete(id);
    },
  };
  return { runner, runs, kept };
}

async function node(
  folder: string,
  extra: { clock?: ReturnType<typeof fakeClock>; runners?: Runners; trusted?: boolean; files?: Files } = {},
) {
  const clock = extra.clock ?? fakeClock();
  const audit = await openAudit({
    files: systemFiles,
    clock,
    folder: join(folder, 'audit'),
    node: 'site-09',
    key: world.keys.node,
  });
  const said: { status: CommandStatus; retained: boolean }[] = [];
  let probes = 0;
  const commands = await openCommands({
    files: extra.files ?? systemFiles,
    clock,
    log: quietLog,
    folder: join(folder, 'commands'),
    node: 'site-09',
    key: world.keys.node,
    policy: () => world.policy,
    clockTrusted: () => extra.trusted ?? true,
    audit,
    publishStatus(id, text, retained) {
      const verified = verifyEnvelope(parseEnvelope(Buffer.from(text), 4096), payloadTypes.status, [
        publicKeyOf(world.keys.node),
      ]);
      const status = commandStatus.parse(JSON.parse(verified.payload.toString()));
      assert.is(status.id, id);
      said.push({ status, retained });
    },
    runners: {
      probe: probeRunner(async () => {
        probes += 1;
      }),
      ...extra.runners,
    },
  });
  return {
    clock,
    audit,
    commands,
    said,
    probes: () => probes,
    states: (id: string) => said.filter(({ status }) => status.id === id).map(({ status }) => status.state),
    lines: async () => (await audit.read(1, 1000)).map(({ text }) => JSON.parse(text)),
    async close() {
      await commands.close();
      await audit.close();
    },
  };
}

test('a probe is accepted, run, done and logged', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path);
  const probe = world.probe();
  const status = await box.commands.receive(world.sign(probe, [world.keys.operator]), 'mqtt');
  assert.is(status?.state, 'accepted');
  await eventually('the probe to be done', () => box.states(probe.id).includes('done'));
  assert.is(box.probes(), 1);
  assert.equal(box.states(probe.id), ['accepted', 'running', 'done']);
  const versions = box.said.map(({ status }) => status.version);
  assert.equal(
    [...versions].sort((a, b) => a - b),
    versions,
  );
  const lines = await box.lines();
  assert.equal(
    lines.map(({ kind }) => kind),
    ['command-accepted', 'command-done'],
  );
  assert.is(lines[0].operator, world.idOf(world.keys.operator));
  assert.is(box.said.at(-1)?.status.auditSeq, 2);
  await box.close();
});

test('what cannot be verified is answered under the hash of its bytes, not retained, and logged', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path);
  const forged = world.sign(world.extract(), [world.keys.operator, world.keys.stranger]);
  const messages: [Buffer, string][] = [
    [Buffer.alloc(2 * 1024 * 1024, 'x'), 'too-large'],
    [Buffer.from([0xff, 0, 1, 2]), 'malformed'],
    [forged, 'bad-signature'],
    [world.sign(['no', 'order']), 'malformed'],
    [world.sign({ ...world.extract(), id: '../../policy' }), 'malformed'],
  ];
  for (const [message, code] of messages) {
    const status = await box.commands.receive(message, 'mqtt');
    assert.equal([status?.state, status?.reason, status?.id], ['refused', code, unverifiedId(message)]);
  }
  assert.ok(box.said.every(({ retained }) => !retained));
  assert.equal(
    (await box.lines()).map(({ kind, code }) => [kind, code]),
    messages.map(([, code]) => ['command-refused', code]),
  );
  assert.equal(readdirSync(join(folder.path, 'commands')), []);
  await box.close();
});

test('rightly signed and unreadable here: refused under its hash and under the id it gave, which stays free', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path, { runners: { extract: scriptedRunner().runner as never } });
  const extract = world.extract();
  const orders: [object, string][] = [
    [{ ...extract, extra: true }, 'malformed'],
    [{ ...extract, type: 'reboot' }, 'malformed'],
    [{ ...extract, purpose: 'staff-discipline' }, 'purpose-not-allowed'],
  ];
  for (const [order, code] of orders) {
    const message = world.sign(order);
    const before = box.said.length;
    assert.is((await box.commands.receive(message, 'mqtt'))?.id, unverifiedId(message));
    assert.equal(
      box.said.slice(before).map(({ status, retained }) => [status.id, status.reason, retained]),
      [
        [extract.id, code, false],
        [unverifiedId(message), code, false],
      ],
    );
  }
  assert.is((await box.lines()).length, orders.length);
  assert.is((await box.commands.receive(world.sign(extract), 'mqtt'))?.state, 'accepted');
  const said = box.said.filter(({ status }) => status.id === extract.id).length;
  await box.commands.receive(world.sign({ ...extract, extra: true }), 'mqtt');
  assert.is(box.said.filter(({ status }) => status.id === extract.id).length, said, 'the first is untouched');
  await box.close();
});

test('verified and refused: its own id, retained, one code each', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path, { runners: { extract: scriptedRunner().runner as never } });
  const now = box.clock.utc();
  const text = (ms: number) => new Date(ms).toISOString();
  const cases: [Buffer, string][] = [
    [world.sign(world.extract({ node: 'site-10' })), 'wrong-node'],
    [world.sign(world.extract(), [world.keys.operator]), 'missing-signature'],
    [world.sign(world.extract({ policyVersion: 2 })), 'policy-missing'],
    [
      world.sign(world.extract({ issuedAt: text(now - 7_200_000), expiresAt: text(now - 600_000) })),
      'expired',
    ],
    [world.sign(world.extract({ issuedAt: text(now + 600_000) })), 'not-yet-valid'],
    [world.sign(world.hold({ purpose: 'defence' })), 'purpose-not-allowed'],
    [world.sign(world.extract({ camera: 'cam-9' })), 'unknown-camera'],
  ];
  for (const [message, code] of cases) {
    const status = await box.commands.receive(message, 'mqtt');
    assert.equal([status?.state, status?.reason], ['refused', code]);
    assert.not.match(status?.id ?? '', /^sha256-/);
    assert.ok(box.said.at(-1)?.retained);
    // The same bytes again, by either way: nothing but the same answer.
    assert.equal(await box.commands.receive(message, 'usb'), status);
  }
  assert.is((await box.lines()).length, cases.length);
  await box.close();

  const blind = await node(folder.path, { trusted: false });
  const status = await blind.commands.receive(world.sign(world.probe(), [world.keys.operator]), 'mqtt');
  assert.is(status?.reason, 'clock-untrusted');
  await blind.close();
});

test('same id and bytes: nothing runs, the last status again; other bytes: replayed, the first untouched', async () => {
  using folder = temporaryFolder();
  const scripted = scriptedRunner();
  let box = await node(folder.path, { runners: { extract: scripted.runner as never } });
  const extract = world.extract();
  const message = world.sign(extract);
  await box.commands.receive(message, 'mqtt');
  await eventually('the run', () => scripted.runs.length === 1);
  scripted.runs[0]?.done({ segments: 3, bytes: 99 });
  await eventually('done', () => box.states(extract.id).includes('done'));
  const last = box.said.at(-1)?.status;
  assert.equal([last?.segments, last?.bytes], [3, 99]);
  for (const again of [false, true]) {
    assert.equal(await box.commands.receive(message, again ? 'usb' : 'mqtt'), last);
    assert.is(scripted.runs.length, 1);
    const other = world.sign({ ...extract, camera: 'cam-2' });
    const replayed = await box.commands.receive(other, 'mqtt');
    assert.equal([replayed?.reason, replayed?.id], ['replayed', unverifiedId(other)]);
    assert.equal(await box.commands.receive(message, 'mqtt'), last);
    await box.close();
    box = await node(folder.path, { clock: box.clock, runners: { extract: scripted.runner as never } });
    // Said again after a restart, since the first may not have been heard.
    assert.equal(box.said.at(-1)?.status, last);
  }
  assert.not.ok(scripted.kept.has(extract.id));
  await box.close();
});

test('a command refused for a missing signature does not block the one that both signed', async () => {
  using folder = temporaryFolder();
  const scripted = scriptedRunner();
  const box = await node(folder.path, { runners: { extract: scripted.runner as never } });
  const extract = world.extract();
  const once = await box.commands.receive(world.sign(extract, [world.keys.operator]), 'mqtt');
  assert.is(once?.reason, 'missing-signature');
  const both = await box.commands.receive(world.sign(extract), 'mqtt');
  assert.is(both?.state, 'accepted');
  assert.ok(both!.version > once!.version);
  // And the one that lacks a signature can no longer touch it.
  const late = await box.commands.receive(world.sign(extract, [world.keys.officer]), 'mqtt');
  assert.is(late?.reason, 'replayed');
  await box.close();
});

test('accepted work goes on after a restart, its newer statuses having higher versions', async () => {
  using folder = temporaryFolder();
  const scripted = scriptedRunner();
  const clock = fakeClock();
  const runners = { extract: scripted.runner as never };
  const first = await node(folder.path, { clock, runners });
  const one = world.extract();
  const two = world.extract();
  await first.commands.receive(world.sign(one), 'mqtt');
  await first.commands.receive(world.sign(two), 'mqtt');
  await eventually('the first run', () => scripted.runs.length === 1);
  scripted.runs[0]?.report({ progress: 0.5 });
  await clock.advance(2000);
  const before = first.said.at(-1)?.status;
  assert.equal([before?.id, before?.progress], [one.id, 0.5]);
  scripted.kept.add('left-by-a-crash');
  await first.close();

  const second = await node(folder.path, { clock, runners });
  assert.not.ok(scripted.kept.has('left-by-a-crash'));
  await eventually('the second run', () => scripted.runs.length === 2);
  assert.is(scripted.runs[1]?.accepted.command.id, one.id);
  assert.is(scripted.runs[1]?.accepted.auditSeq, scripted.runs[0]?.accepted.auditSeq);
  scripted.runs[1]?.done({});
  await eventually('the other one in its turn', () => scripted.runs.length === 3);
  assert.is(scripted.runs[2]?.accepted.command.id, two.id);
  scripted.runs[2]?.fail(new Failure('denied', 'upload-refused', 'no'));
  await eventually('both ends', () => second.states(two.id).includes('failed'));
  assert.is(second.said.at(-1)?.status.reason, 'upload-refused');
  const done = second.said.find(({ status }) => status.id === one.id && status.state === 'done');
  assert.ok(done!.status.version > before!.version);
  assert.equal(
    (await second.lines()).map(({ kind }) => kind),
    ['command-accepted', 'command-accepted', 'command-done', 'command-failed'],
  );
  await second.close();
});

test('a seventeenth command that would have to wait is refused as busy', async () => {
  using folder = temporaryFolder();
  const scripted = scriptedRunner();
  const box = await node(folder.path, { runners: { extract: scripted.runner as never } });
  for (let i = 0; i < 16; i++)
    assert.is((await box.commands.receive(world.sign(world.extract()), 'mqtt'))?.state, 'accepted');
  const more = await box.commands.receive(world.sign(world.extract()), 'mqtt');
  assert.equal([more?.state, more?.reason], ['refused', 'busy']);
  await box.close();
});

test('beyond ten a minute refusals are counted and told in one line', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path);
  for (let i = 0; i < 200; i++) await box.commands.receive(Buffer.from(`noise ${i}`), 'mqtt');
  assert.is(box.said.length, 10);
  // A good command is not held up by the noise.
  assert.is(
    (await box.commands.receive(world.sign(world.probe(), [world.keys.operator]), 'mqtt'))?.state,
    'accepted',
  );
  await box.clock.advance(60_000);
  await eventually('the summary', async () =>
    (await box.lines()).some(({ kind }) => kind === 'commands-refused'),
  );
  const lines = await box.lines();
  assert.is(lines.filter(({ kind }) => kind === 'command-refused').length, 10);
  assert.equal(lines.find(({ kind }) => kind === 'commands-refused').codes, { malformed: 190 });
  await box.commands.receive(Buffer.from('noise of the next minute'), 'mqtt');
  assert.is((await box.lines()).at(-1).kind, 'command-refused');
  await box.close();
});

const idsKept = (folder: string): number =>
  readdirSync(join(folder, 'commands')).filter((name) => name.endsWith('.json')).length;

test('ids are kept until expiry and a day, and then forgotten', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path);
  let ended = 0;
  const done = async (message: Buffer): Promise<void> => {
    await box.commands.receive(message, 'mqtt');
    ended += 1;
    await eventually(
      'its end',
      () => box.said.filter(({ status }) => status.state === 'done').length === ended,
    );
  };
  const late = () => {
    const now = box.clock.utc();
    const dates = {
      issuedAt: new Date(now).toISOString(),
      expiresAt: new Date(now + 60_000).toISOString(),
    };
    return world.sign(world.probe({ id: uuidV7(now), ...dates }), [world.keys.operator]);
  };
  const message = world.sign(world.probe(), [world.keys.operator]);
  await done(message);
  await box.clock.advance(3_600_000 + 86_400_000 - 1000);
  await done(late());
  assert.is(idsKept(folder.path), 2);
  await box.clock.advance(2000);
  await done(late());
  assert.is(idsKept(folder.path), 2);
  // Forgotten, but long expired.
  assert.is((await box.commands.receive(message, 'mqtt'))?.reason, 'expired');
  await box.close();
});

test('a disk that does not let go of what is over, or of an old id, ends no agent', async () => {
  using folder = temporaryFolder();
  const refusal = () => Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' });
  const { runner, runs } = scriptedRunner();
  let readOnly = false;
  const files: Files = {
    ...systemFiles,
    async remove(path) {
      if (readOnly && path.includes('/commands/') && path.endsWith('.json')) throw refusal();
      await systemFiles.remove(path);
    },
  };
  const forgets: unknown[] = [refusal(), new Failure('exhausted', 'disk-full', 'no room for reservations')];
  const box = await node(folder.path, {
    files,
    runners: {
      extract: {
        ...runner,
        async forget() {
          throw forgets.shift();
        },
      } as never,
    },
  });
  const [first, second] = [world.extract(), world.extract()];
  for (const [index, extract] of [first, second].entries()) {
    await box.commands.receive(world.sign(extract), 'mqtt');
    await eventually('it to run', () => runs.length === index + 1);
    runs[index]?.done({});
    await eventually('its outcome', () => box.states(extract.id).includes('done'));
  }
  await eventually('both to be let go of', () => forgets.length === 0);

  // The lane goes on, and so does whoever judges.
  readOnly = true;
  await box.clock.advance(9 * 86_400_000);
  const later = world.extract({
    issuedAt: instantText(box.clock.utc()),
    expiresAt: instantText(box.clock.utc() + 60_000),
  });
  assert.is(await box.commands.receive(world.sign(later), 'mqtt'), undefined);
  readOnly = false;
  assert.is((await box.commands.receive(world.sign(later), 'mqtt'))?.state, 'accepted');
  await eventually('it to run', () => runs.length === 3);
  await box.close();
});

test('an id whose record is lost, or is not given back by the disk, stays closed', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path);
  const probe = world.probe();
  const message = world.sign(probe, [world.keys.operator]);
  await box.commands.receive(message, 'mqtt');
  await box.close();
  const badSector: Files = {
    ...systemFiles,
    async read(path, maxBytes) {
      if (path.endsWith(`${probe.id}.json`)) throw Object.assign(new Error('a bad sector'), { code: 'EIO' });
      return await systemFiles.read(path, maxBytes);
    },
  };
  const closed = async (again: Awaited<ReturnType<typeof node>>): Promise<void> => {
    assert.is((await again.commands.receive(message, 'mqtt'))?.reason, 'replayed');
    assert.is(again.probes(), 0);
    await again.close();
  };
  await closed(await node(folder.path, { files: badSector }));
  writeFileSync(join(folder.path, 'commands', `${probe.id}.json`), '{"id":');
  await closed(await node(folder.path));
});

test('a type that this node has no part for is accepted and fails, saying so', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path);
  const snapshot = world.snapshot();
  await box.commands.receive(world.sign(snapshot), 'mqtt');
  await eventually('its end', () => box.states(snapshot.id).includes('failed'));
  assert.is(box.said.at(-1)?.status.reason, 'not-supported');
  await box.close();
});

test('what comes while it stops is left to the next life: not judged, not acknowledged, no timer left behind', async () => {
  using folder = temporaryFolder();
  const box = await node(folder.path);
  await box.commands.close();
  const lines = (await box.lines()).length;
  let answered = 0;
  for (const message of [Buffer.from('noise'), world.sign(world.probe(), [world.keys.operator])])
    void box.commands.receive(message, 'mqtt').then(() => (answered += 1));
  await box.clock.advance(120_000);
  assert.equal([answered, box.said.length, (await box.lines()).length, box.probes()], [0, 0, lines, 0]);
  assert.is(box.clock.pending(), 0);
  await box.audit.close();
});
