import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { systemFiles } from '#agent/platform/files.ts';
import { openLogins } from '../../deploy/hub/page/logins.ts';
import { loginsPath } from '../../deploy/hub/page/open-page.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { hubCommand } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('hub login', { timeoutMs: 180_000 });

test('adds, lists, replaces and removes who may look at the page; refuses names and passwords that cannot be', async () => {
  using folder = temporaryFolder();
  const { hub } = await makeTown(folder.path, { cameras: [{ id: 'cam-1', rtsp: 'rtsp://127.0.0.1:1/a' }] });
  const file = (name: string, text: string): string => {
    const path = join(folder.path, name);
    writeFileSync(path, text);
    return path;
  };
  const long = file('long', 'una montagna di neve\n');
  const run = async (...args: string[]): Promise<number> =>
    (await hubCommand(['login', ...args, '--hub', hub])).code;
  assert.is(await run('add', 'anna', '--role', 'operator', '--password-file', long), 0);
  // Whose page it is stands in a file that nobody else reads, and no password in it.
  assert.is(statSync(loginsPath(hub)).mode & 0o077, 0);
  const logins = openLogins(systemFiles, loginsPath(hub));
  const anna = await logins.check('anna', 'una montagna di neve');
  assert.equal([anna?.name, anna?.role, anna?.display], ['anna', 'operator', undefined]);
  assert.is(await logins.check('anna', 'una montagna di nev'), undefined);
  assert.is(await run('add', 'anna', '--role', 'officer', '--password-file', long), 0);
  const [again] = await logins.all();
  assert.equal([again?.name, again?.role], ['anna', 'officer']);
  assert.is.not(again?.made, anna?.made, 'whoever logged in before has to do so again');
  const listed = await hubCommand(['login', 'list', '--json', '--hub', hub]);
  assert.equal(JSON.parse(listed.out), [{ name: 'anna', role: 'officer' }]);

  const refused: [string[], number][] = [
    [['add', 'bruno', '--role', 'root', '--password-file', long], 64],
    [['add', 'bruno', '--role', 'officer', '--password-file', file('short', 'corta')], 64],
    [['add', '../bruno', '--role', 'officer', '--password-file', long], 64],
    [['add', 'bruno', '--password-file', long], 64],
    [['add', 'muro', '--role', 'operator', '--display', '--password-file', long], 64],
    [['remove', 'bruno'], 2],
    [['change', 'anna'], 64],
  ];
  for (const [args, code] of refused) assert.is(await run(...args), code, args.join(' '));
  assert.equal(await logins.all(), [again]);
  assert.is(await run('add', 'muro', '--role', 'maintainer', '--display', '--password-file', long), 0);
  assert.match((await hubCommand(['login', 'list', '--hub', hub])).out, /^muro {2}maintainer {2}display$/m);
  assert.is(await run('remove', 'muro'), 0);
  assert.is(await run('remove', 'anna'), 0);
  assert.equal(await logins.all(), []);
  writeFileSync(loginsPath(hub), '[{"name":"anna","role":"officer"}]');
  assert.is(await codeThrown(() => logins.all()), 'logins-broken');
});
