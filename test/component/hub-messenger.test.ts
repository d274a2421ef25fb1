// Who signs believes what the signature covers: a hub that shows something else is found out before anybody signs.
import { createPrivateKey } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import type { Answers } from '../../deploy/hub/api/schema.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { recordText } from '../../deploy/hub/register/requests.ts';
import { socketPath } from '../../deploy/hub/settings.ts';
import { inShortTown, type World } from '../support/hub-case.ts';
import { payloadOf, serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';

const test = suite('a hub that lies to who signs', { timeoutMs: 120_000 });

/** Answers as the hub would, but with another request; `posted` are the paths at which somebody signed something. */
async function lyingHub(
  world: World,
  answers: { case?: Answers['GET /case']; request: Answers['GET /request'] },
  body: (posted: string[]) => Promise<void>,
): Promise<void> {
  await world.hub.close();
  const posted: string[] = [];
  const socket = socketPath(world.town.hub);
  const server = createServer((request, response) => {
    const path = `${request.method} ${request.url?.split('?')[0]}`;
    if (path.startsWith('POST ')) posted.push(path);
    const found = { 'GET /case': answers.case, 'GET /request': answers.request, 'GET /window': {} }[path];
    response
      .writeHead(found ? 200 : 500)
      .end(JSON.stringify(found ?? { kind: 'bug', code: 'bug', sentence: '' }));
  });
  rmSync(socket, { force: true });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    await body(posted);
  } finally {
    await new Promise((resolve) => server.close(resolve));
    world.hub = await serveHub(world.town.hub);
  }
}

test('the officer signs what the operator signed, for the request that it names and no more than that asks for', () =>
  inShortTown(async (world) => {
    const client = openClient(world.town.hub);
    const request = await world.request('data-subject');
    const truth = await client.get('GET /request', { id: request });
    // The operator, too, signs the hash of what is shown.
    await lyingHub(world, { request: { ...truth, recordHash: '0'.repeat(64) } }, async (posted) => {
      assert.is((await world.run('extract', '--request', request)).code, 2);
      assert.equal(posted, []);
    });

    const made = await world.run('extract', '--request', request);
    assert.is(made.code, 0, made.err);
    const { id } = JSON.parse(made.out) as { id: string };
    const prepared = await client.get('GET /case', { id });
    const nicer = { ...truth.record, purpose: 'judicial-police' as const, authority: 'Procura' };
    await lyingHub(world, { case: prepared, request: { ...truth, record: nicer } }, async (posted) => {
      const { err, code } = await world.run('authorise', id, '--yes');
      assert.is(code, 69, 'this hub takes nothing');
      assert.match(err, /Carabinieri di Cogolo/);
      assert.not.match(err, /Procura/);
      assert.equal(posted, ['POST /authorise']);
    });

    const operator = createPrivateKey(readFileSync(join(world.town.hub, 'keys', 'operator.key')));
    const payload = payloadOf(Buffer.from(prepared.envelope));
    // An operator who is one with whoever controls the hub.
    const envelopeWith = (change: object): string =>
      signEnvelope(payloadTypes.command, Buffer.from(JSON.stringify({ ...payload, ...change })), [operator]);
    const lies: Parameters<typeof lyingHub>[1][] = [
      { case: prepared, request: { ...truth, full: recordText('0'.repeat(32), nicer) } },
      ...[{ purpose: 'judicial-police' }, { to: '2026-01-15T10:05:00.000Z' }, { camera: 'cam-2' }].map(
        (change) => ({ case: { ...prepared, envelope: envelopeWith(change) }, request: truth }),
      ),
    ];
    for (const lie of lies)
      await lyingHub(world, lie, async (posted) => {
        assert.is((await world.run('authorise', id, '--yes')).code, 2);
        assert.equal(posted, []);
      });
  }));
