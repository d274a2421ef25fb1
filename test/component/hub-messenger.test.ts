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

test('the officer signs for no request but the one that the operator signed for', () =>
  inShortTown(async (world) => {
    const made = await world.run('extract', '--request', await world.request('data-subject'));
    assert.is(made.code, 0, made.err);
    const { id } = JSON.parse(made.out) as { id: string };
    const client = openClient(world.town.hub);
    const prepared = await client.get('GET /case', { id });
    const truth = await client.get('GET /request', { id: prepared.request ?? '' });

    const nicer = { ...truth.record, purpose: 'judicial-police' as const, authority: 'Procura' };
    await lyingHub(world, { case: prepared, request: { ...truth, record: nicer } }, async (posted) => {
      const { err, code } = await world.run('authorise', id, '--yes');
      assert.is(code, 69, 'this hub takes nothing');
      assert.match(err, /Carabinieri di Cogolo/);
      assert.not.match(err, /Procura/);
      assert.equal(posted, ['POST /authorise']);
    });
    const full = recordText('0'.repeat(32), nicer);
    await lyingHub(world, { case: prepared, request: { ...truth, record: nicer, full } }, async (posted) => {
      assert.is((await world.run('authorise', id, '--yes')).code, 2);
      assert.equal(posted, []);
    });
  }));

test('nor for another use, another day or a longer time than that request asks for', () =>
  inShortTown(async (world) => {
    const made = await world.run('extract', '--request', await world.request('data-subject'));
    assert.is(made.code, 0, made.err);
    const { id } = JSON.parse(made.out) as { id: string };
    const client = openClient(world.town.hub);
    const prepared = await client.get('GET /case', { id });
    const truth = await client.get('GET /request', { id: prepared.request ?? '' });
    const operator = createPrivateKey(readFileSync(join(world.town.hub, 'keys', 'operator.key')));
    const payload = payloadOf(Buffer.from(prepared.envelope));
    // An operator who is one with whoever controls the hub.
    const ordered = [
      { purpose: 'judicial-police' },
      { to: '2026-01-15T10:05:00.000Z' },
      { request: { ...truth.record, protocol: '1/2026', recordHash: truth.recordHash } },
    ].map((change) => {
      const { protocol, date, recordHash } = { ...payload, ...change }.request as Record<string, unknown>;
      const told = { ...payload, ...change, request: { protocol, date, recordHash } };
      return signEnvelope(payloadTypes.command, Buffer.from(JSON.stringify(told)), [operator]);
    });
    for (const envelope of ordered)
      await lyingHub(world, { case: { ...prepared, envelope }, request: truth }, async (posted) => {
        assert.is((await world.run('authorise', id, '--yes')).code, 2);
        assert.equal(posted, []);
      });
  }));

test('the operator signs the hash of what is shown, and of nothing else', () =>
  inShortTown(async (world) => {
    const request = await world.request('data-subject');
    const truth = await openClient(world.town.hub).get('GET /request', { id: request });
    const lie = { ...truth, recordHash: '0'.repeat(64) };
    await lyingHub(world, { request: lie }, async (posted) => {
      assert.is((await world.run('extract', '--request', request)).code, 2);
      assert.equal(posted, []);
    });
  }));
