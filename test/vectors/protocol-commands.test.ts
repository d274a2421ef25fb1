// Each vector through the stages by themselves, to see which one refuses, and through a node's whole way of a command.

import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openAudit } from '#agent/audit/audit.ts';
import { openCommands } from '#agent/command/commands.ts';
import type { Runner } from '#agent/command/runner.ts';
import { openExtractions } from '#agent/extract/extraction.ts';
import { openHolds } from '#agent/extract/holds.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { authorise, maxCommandBytes, parseCommand, unverifiedId, verifyCommand } from '#protocol/command.ts';
import { parseEnvelope, payloadTypes, verifyEnvelope } from '#protocol/envelope.ts';
import { codeOf } from '#protocol/failure.ts';
import { longestHoldMs, signingKeys, verifyPolicy } from '#protocol/policy.ts';
import { refusalCodes } from '#protocol/refusal.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { fakeFootage } from '../support/fake-footage.ts';
import { quietLog } from '../support/log.ts';
import { signedWorld } from '../support/signed-world.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { vector, vectorKey } from '../support/vector.ts';

const test = suite('command vectors');
const { keys, policy: envelope, surroundings, cases } = vector('commands');
const policy = verifyPolicy(Buffer.from(envelope), { roots: [vectorKey(keys.root)], threshold: 1 });
const now = Date.parse(surroundings.at);

interface Case {
  name: string;
  stage: string;
  code?: string;
  message?: string;
  repeat?: { text: string; count: number };
  clockTrusted?: boolean;
  before?: string[];
}
const bytesOf = ({ message, repeat }: Case): Buffer =>
  Buffer.from(repeat ? repeat.text.repeat(repeat.count) : (message as string));

/** The first stage that refuses, of those that need nothing but the message and the policy. */
function refusedBy(message: Buffer, clockTrusted: boolean): string | undefined {
  const here = { node: surroundings.node, policy, nowUtc: now, clockTrusted };
  const stages: [string, () => unknown][] = [
    ['envelope', () => parseEnvelope(message, maxCommandBytes)],
    [
      'signatures',
      () =>
        verifyEnvelope(parseEnvelope(message, maxCommandBytes), payloadTypes.command, signingKeys(policy)),
    ],
    ['payload', () => parseCommand(parseEnvelope(message, maxCommandBytes).payload)],
    ['authorise', () => authorise(verifyCommand(message, policy), here)],
  ];
  for (const [stage, work] of stages)
    try {
      work();
    } catch (error) {
      return `${stage} ${codeOf(error)}`;
    }
  return undefined;
}

async function node(folder: string, one: Case) {
  const clock = fakeClock(now);
  const footage = fakeFootage(join(folder, 'footage'));
  footage.add(Date.parse(surroundings.footage.from), Date.parse(surroundings.footage.to));
  const common = {
    files: systemFiles,
    clock,
    log: quietLog,
    node: surroundings.node,
    key: signedWorld().keys.node,
  };
  const audit = await openAudit({ ...common, folder: join(folder, 'audit') });
  const retentionMs = 168 * 3_600_000;
  const extractions = await openExtractions({
    ...common,
    folder: join(folder, 'extract'),
    retentionMs,
    footage,
    delivery: undefined,
    whenCosigned: audit.whenCosigned,
    stands: () => true,
  });
  const holds = await openHolds({
    ...common,
    folder: join(folder, 'holds'),
    retentionMs,
    footage,
    clockTrusted: () => true,
    latestEnd: (utc) => utc + longestHoldMs(policy),
    note: audit.append,
    releasing: () => {},
  });
  /** Takes everything and never ends. */
  const endless: Runner = {
    admit: async () => {},
    run: (_, __, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    forget: async () => {},
    keepOnly: async () => {},
  };
  const commands = await openCommands({
    ...common,
    folder: join(folder, 'commands'),
    policy: () => policy,
    clockTrusted: () => one.clockTrusted ?? surroundings.clockTrusted,
    audit,
    publishStatus: () => {},
    runners: {
      extract: one.before ? (endless as never) : extractions.runner,
      hold: holds.hold,
      release: holds.release,
    },
  });
  return {
    commands,
    async close() {
      await commands.close();
      await holds.close();
      await audit.close();
    },
  };
}

for (const one of cases as Case[])
  test(`${one.stage}${one.code ? ` ${one.code}` : ''}: ${one.name}`, async () => {
    using folder = temporaryFolder();
    const message = bytesOf(one);
    const alone = ['envelope', 'signatures', 'payload', 'authorise'].includes(one.stage);
    assert.is(refusedBy(message, one.clockTrusted ?? true), alone ? `${one.stage} ${one.code}` : undefined);

    const box = await node(folder.path, one);
    for (const before of one.before ?? [])
      assert.is((await box.commands.receive(Buffer.from(before), 'mqtt'))?.state, 'accepted');
    const status = await box.commands.receive(message, 'mqtt');
    assert.is(status?.reason, one.code);
    assert.is(status?.state, one.code ? 'refused' : 'accepted');
    const unbelieved = ['envelope', 'signatures', 'payload', 'journal'].includes(one.stage);
    assert.is(status?.id === unverifiedId(message), unbelieved);
    await box.close();
  });

test('every refusal of the closed list has a vector', () => {
  const covered = new Set((cases as Case[]).map(({ code }) => code));
  assert.equal(
    refusalCodes.filter((code) => !covered.has(code)),
    [],
  );
});
