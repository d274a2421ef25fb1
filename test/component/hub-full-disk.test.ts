import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as assert from 'uvu/assert';
import type { Files } from '#agent/platform/files.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import type { Inbox } from '../../deploy/hub/inbox/inbox.ts';
import { InboxStore } from '../../deploy/hub/inbox/store.ts';
import { listenUploads } from '../../deploy/hub/inbox/uploads.ts';
import { type Handlers, listenApi } from '../../deploy/hub/server/api.ts';
import { guardedBy, openDisk } from '../../deploy/hub/server/disk.ts';
import type { Settings } from '../../deploy/hub/settings.ts';
import { testAlarms } from '../support/alarms.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { quietLog } from '../support/log.ts';
import { memoryDisk } from '../support/memory-disk.ts';
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

test('what a disk refuses is an alarm, nothing that is kept is begun until it takes a file again, then everything is', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const disk = memoryDisk(() => 0);
  let code: string | undefined;
  disk.refuse((what) => (code && what !== 'remove' ? Object.assign(new Error(code), { code }) : undefined));
  let freeBytes = 2 ** 40;
  const space: Files['space'] = async () => ({
    freeBytes,
    totalBytes: 2 ** 50,
    freeInodes: 0,
    totalInodes: 0,
  });
  const files = { ...disk.files, space };
  await files.makeFolder('/data');
  const alarms = testAlarms(folder.path, clock);
  let again = 0;
  const bugs: unknown[] = [];
  const open = () =>
    openDisk({
      ...{ clock, files, folder: '/data', log: quietLog },
      again: () => {
        again += 1;
      },
      broken: (error) => bugs.push(error),
    });
  const standing = (): string[] => alarms.raised().map(({ node, key }) => `${node}/${key}`);
  const first = await open();
  await first.tellTo(alarms);
  assert.is(first.refused(new TypeError('a bug')), undefined);
  assert.is(first.refuses(), false);

  const handled: string[] = [];
  let thrown: unknown;
  const handle = (name: string) => async () => {
    handled.push(name);
    if (thrown) throw thrown;
  };
  const paths = ['GET /register', 'POST /request', 'POST /ack'];
  const handlers = guardedBy(
    first,
    Object.fromEntries(paths.map((path) => [path, handle(path)])) as unknown as Handlers,
  ) as unknown as Record<string, (ask: unknown) => Promise<void>>;
  const asked = (path: string) => codeThrown(() => (handlers[path] as (ask: unknown) => Promise<void>)({}));

  thrown = Object.assign(new Error('no room'), { code: 'EDQUOT' });
  code = 'ENOSPC';
  assert.is(await asked('POST /request'), 'disk-full');
  thrown = undefined;
  handled.length = 0;
  assert.is(await asked('POST /request'), 'disk-full');
  assert.is(await asked('GET /register'), undefined);
  assert.is(await asked('POST /ack'), undefined);
  assert.equal(handled, ['GET /register', 'POST /ack'], 'the first of the three was not begun');
  await clock.advance(60_000);
  assert.equal(standing(), ['hub/disk-refusing']);
  assert.is(again, 0);

  code = undefined;
  freeBytes = 2 ** 20;
  await clock.advance(60_000);
  assert.is(again, 0, 'a MiB is no room to begin again in');
  freeBytes = 2 ** 40;
  await clock.advance(5000);
  assert.is(again, 1);
  await clock.advance(60_000);
  assert.is(again, 1, 'and it is said once');
  await first.close();
  assert.equal(standing(), ['hub/disk-refusing']);
  const next = await open();
  await next.tellTo(alarms);
  assert.equal(standing(), []);
  await next.close();

  code = 'EROFS';
  const stuck = await open();
  await stuck.tellTo(alarms);
  assert.is(await codeThrown(async () => stuck.requireWilling()), 'disk-error');
  assert.equal(standing(), ['hub/disk-refusing'], 'a hub that starts so says so, too');
  await stuck.close();
  alarms.close();
  assert.is(clock.pending(), 0);
  assert.equal(bugs, []);
});

test('an upload is 507 while there is no room, before any byte is taken, and when its bytes find none', async () => {
  using folder = temporaryFolder();
  let room: 'here' | 'none' | 'reserved' = 'none';
  const refusals: unknown[] = [];
  const full = (): Failure => new Failure('exhausted', 'disk-full', 'no room');
  const expected = { one: { id: 'a' }, file: 'b', partial: '/dev/full', bytes: 5 };
  const inbox = {
    find: () => expected,
    offset: async () => 0,
    requireRoom: async () => {
      if (room === 'reserved') throw full();
    },
  } as unknown as Inbox;
  const uploads = await listenUploads({
    settings: { dir: folder.path, upload: { listen: '127.0.0.1:0' } } as Settings,
    ...{ folder: folder.path, inbox, log: quietLog },
    disk: {
      refused(error) {
        if (error instanceof Failure) return undefined;
        refusals.push(error);
        return full();
      },
      requireWilling() {
        if (room === 'none') throw full();
      },
    },
    broken: (error) => {
      throw error;
    },
  });
  const send = async (method: string, body?: string): Promise<number> => {
    const headers = { 'tus-resumable': '1.0.0', 'upload-offset': '0' };
    const typed = { ...headers, 'content-type': 'application/offset+octet-stream' };
    const asking = body === undefined ? { headers } : { headers: typed, body };
    const answer = await fetch(`${uploads.url}/a/b`, { method, ...asking });
    await answer.arrayBuffer();
    return answer.status;
  };
  assert.is(await send('HEAD'), 200, 'how much is here is told');
  assert.is(await send('PATCH', 'bytes'), 507);
  room = 'reserved';
  assert.is(await send('PATCH', 'bytes'), 507);
  assert.equal(refusals, []);
  room = 'here';
  assert.is(await send('PATCH', 'bytes'), 507);
  assert.equal(refusals.map(codeOf), ['ENOSPC']);
  await uploads.close();
});
