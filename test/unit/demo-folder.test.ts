import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { prepareFolder } from '../../deploy/demo/folder.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the folder of a demo');

test('is made, or is its own; what holds something else, or cannot be written, is refused and stays as it is', async () => {
  using folder = temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const refused = (dir: string, fresh = false) => codeThrown(async () => prepareFolder(dir, fresh));
  prepareFolder(at('a/b'), false);
  writeFileSync(at('a/b/store'), '');
  prepareFolder(at('a/b'), false);
  assert.ok(existsSync(at('a/b/store')));
  prepareFolder(at('a/b'), true);
  assert.not.ok(existsSync(at('a/b/store')));
  mkdirSync(at('other'));
  writeFileSync(at('other/letter'), '');
  assert.is(await refused(at('other'), true), 'not-empty');
  for (const file of [at('other/letter'), at('other/letter/demo')]) assert.is(await refused(file), 'folder');
  assert.ok(existsSync(at('other/letter')));
  // 107 bytes are what the address of a socket holds.
  const room = 107 - at('/hub/hub.sock').length;
  assert.is(await refused(at('x'.repeat(room))), 'folder');
  prepareFolder(at('x'.repeat(room - 1)), false);
});
