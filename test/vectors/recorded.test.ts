import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { systemFiles } from '#agent/platform/files.ts';
import { verifyCheckpoint, verifyCosigned } from '#protocol/checkpoint.ts';
import { verifyCommand } from '#protocol/command.ts';
import { readAnswer, readRequest } from '#protocol/enrolment.ts';
import { parseEnvelope, parseJson, payloadTypes, verifyEnvelope } from '#protocol/envelope.ts';
import { type PublicKey, parsePublicPem } from '#protocol/key.ts';
import { manifestSchema } from '#protocol/manifest.ts';
import { alertMessage, auditLine, healthMessage, protocolVersion, stateMessage } from '#protocol/messages.ts';
import { type Policy, verifyPolicy } from '#protocol/policy.ts';
import { commandStatus } from '#protocol/status.ts';
import { hubNode, parseTopic } from '#protocol/topics.ts';
import { openMirror } from '../../deploy/hub/logs/mirror.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** What agents and hubs of earlier versions said: a fleet is upgraded box by box, and a log is kept for half a year. */
const folder = join(import.meta.dirname, 'recorded');

interface Recorded {
  version: string;
  at: string;
  node: string;
  root: string;
  case: { id: string; command: string; manifest: string };
  enrolment: { request: string; answer: string };
  messages: { topic: string; payload: string; retained: boolean }[];
}

const test = suite('what earlier versions said is understood');

for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
  const recorded = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Recorded;
  const { node, messages } = recorded;
  const roots = parsePublicPem(recorded.root);
  const of = (kind: string, who = node) =>
    messages.filter(({ topic, payload }) => {
      const parsed = parseTopic(topic);
      return parsed?.kind === kind && parsed.node === who && payload !== '';
    });
  /** Oldest first, each version once. */
  const policies: Policy[] = [];
  for (const { payload } of of('policy', hubNode)) {
    const before = policies.at(-1);
    const read = verifyPolicy(Buffer.from(payload), { roots, threshold: 1 });
    if (before === undefined || read.version > before.version)
      policies.push(verifyPolicy(Buffer.from(payload), { roots, threshold: 1 }, before));
  }
  const first = policies[0] as Policy;
  const keyOf = (policy: Policy): PublicKey => policy.nodes.find(({ id }) => id === node)?.key as PublicKey;

  test(`${name}: state, health and alerts, also with a field that a later version adds`, () => {
    for (const [kind, schema, who] of [
      ['state', stateMessage, node],
      ['state', stateMessage, hubNode],
      ['health', healthMessage, node],
      ['alert', alertMessage, node],
    ] as const) {
      const found = of(kind, who);
      assert.ok(found.length > 0, `${kind} of ${who}`);
      for (const { payload } of found) {
        const value = parseJson(Buffer.from(payload)) as object;
        assert.ok(schema.safeParse(value).success, payload);
        assert.ok(schema.safeParse({ ...value, addedLater: { a: 1 } }).success, `${kind} with another field`);
        if (kind === 'state')
          assert.ok((stateMessage.parse(value).protocol ?? protocolVersion) <= protocolVersion);
      }
    }
  });

  test(`${name}: the log is a log, and its heads and their cosignatures count`, async () => {
    using place = temporaryFolder();
    const mirror = await openMirror(systemFiles, place.path, node);
    const lines = of('event');
    assert.ok(lines.length > 0);
    for (const { payload } of lines) {
      assert.ok(auditLine.safeParse(parseJson(Buffer.from(payload))).success, payload);
      assert.is.not(await mirror.receive(Buffer.from(payload)), 'ahead');
    }
    const key = keyOf(first);
    const heads = of('checkpoint');
    assert.ok(heads.length > 0);
    for (const { payload } of heads) {
      const head = verifyCheckpoint(node, payload, key);
      assert.ok((await mirror.root(head.size))?.equals(head.root), `the root over ${head.size} lines`);
    }
    const answers = of('cosignature');
    assert.ok(answers.length > 0);
    for (const { payload } of answers) verifyCosigned(node, payload, key, first.hub.key);
  });

  test(`${name}: a command, its statuses and what was delivered for it`, () => {
    const [sent] = of('command');
    assert.is(sent?.payload, recorded.case.command);
    const { command } = verifyCommand(Buffer.from(recorded.case.command), first);
    assert.is(command.id, recorded.case.id);
    const statuses = of('command-status');
    assert.ok(statuses.length > 1);
    const states = statuses.map(({ payload }) => {
      const { payload: bytes } = verifyEnvelope(
        parseEnvelope(Buffer.from(payload), 1 << 20),
        payloadTypes.status,
        [keyOf(first)],
      );
      const value = parseJson(bytes) as object;
      assert.equal(commandStatus.parse({ ...value, addedLater: 1 }), commandStatus.parse(value));
      return commandStatus.parse(value).state;
    });
    assert.is(states[0], 'accepted');
    assert.is(states.at(-1), 'done');
    const { payload: bytes } = verifyEnvelope(
      parseEnvelope(Buffer.from(recorded.case.manifest), 1 << 20),
      payloadTypes.manifest,
      [keyOf(first)],
    );
    const manifest = parseJson(bytes) as { files: object[] };
    const files = manifest.files.map((file) => ({ ...file, addedLater: true }));
    assert.is(manifestSchema.parse({ ...manifest, files, addedLater: 1 }).command, recorded.case.id);
  });

  test(`${name}: policies follow each other; a box's request and what it was answered are believed`, () => {
    assert.ok(policies.length >= 1);
    const request = readRequest(Buffer.from(recorded.enrolment.request));
    const answer = readAnswer(Buffer.from(recorded.enrolment.answer), roots, 1);
    assert.is(request.node, node);
    assert.is(answer.request, request.hash);
    const named = verifyPolicy(Buffer.from(answer.policy), { roots, threshold: 1 });
    assert.is(keyOf(named).id, request.nodeKey.id);
    assert.ok(named.version > first.version);
  });
}

test('there is a record of what this protocol says', () => {
  assert.ok(readdirSync(folder).length > 0);
});
