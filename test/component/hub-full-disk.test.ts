import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as assert from 'uvu/assert';
import { openClient } from '../../deploy/hub/cli/client.ts';
import type { Inbox } from '../../deploy/hub/inbox/inbox.ts';
import { InboxStore } from '../../deploy/hub/inbox/store.ts';
import { type Handlers, listenApi } from '../../deploy/hub/server/api.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { quietLog } from '../support/log.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('a hub whose disk is full');

test('who asks is told that there is no room, and the hub that it must start anew', async () => {
  using folder = temporaryFolder();
  const full = new DatabaseSync(':memory:');
  full.exec('PRAGMA max_page_count = 2; CREATE TABLE lines (text TEXT)');
  const broken: unknown[] = [];
  const handlers = {
    'GET /status': () => writeFile('/dev/full', 'x'),
    'GET /register': () => full.prepare('INSERT INTO lines VALUES (?)').run('x'.repeat(100_000)),
    'GET /cases': () => {
      throw new TypeError('a bug');
    },
  } as unknown as Handlers;
  const server = await listenApi(join(folder.path, 'hub.sock'), handlers, quietLog, (error) => {
    broken.push(error);
  });
  const client = openClient(folder.path);
  assert.is(await codeThrown(() => client.get('GET /status')), 'disk-full');
  assert.is(await codeThrown(() => client.get('GET /register')), 'disk-full');
  assert.is(await codeThrown(() => client.get('GET /cases')), 'bug');
  assert.is(broken.length, 3);
  server.close();
  server.closeAllConnections();
  full.close();
});

test('an inbox whose disk is gone ends nobody', async () => {
  const thrown: unknown[] = [];
  const take = (error: unknown): unknown => thrown.push(error);
  process.on('uncaughtException', take);
  new InboxStore('/dev/null/cases', {} as Inbox);
  // What its base class would begin there fails before these have.
  for (let i = 0; i < 50; i++) assert.is(await codeThrown(() => mkdir('/dev/null/next')), 'ENOTDIR');
  process.off('uncaughtException', take);
  assert.equal(thrown, []);
});
