import {
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { appendDurably, makeFolderDurably, systemFiles, writeDurably } from '#agent/platform/files.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('whose files are');

/** A folder of somebody else where this user may give one away, as root may; else a folder of its own. */
function somebodysFolder(within: string): { path: string; uid: number } {
  const path = join(within, 'store');
  mkdirSync(path);
  try {
    chownSync(path, 65_534, 65_534);
  } catch {} // Only root may.
  return { path, uid: statSync(path).uid };
}

test('what root makes in the folder of the agent is the agent’s, however deep, and what was there stays whose it was', async () => {
  using folder = temporaryFolder();
  const { path, uid } = somebodysFolder(folder.path);
  await writeDurably(systemFiles, join(path, 'state.json'), 'new');
  await writeDurably(systemFiles, join(path, 'state.json'), 'newer');
  await appendDurably(systemFiles, join(path, 'log.jsonl'), 'a line\n');
  await makeFolderDurably(systemFiles, join(path, 'a/b'));
  await systemFiles.makeFolder(`${path}/c/d/`);
  await writeDurably(systemFiles, join(path, 'c/d/file'), '');
  const made = readdirSync(path, { recursive: true, encoding: 'utf8' });
  assert.is(made.length, 7, made.join(' '));
  for (const name of made) assert.is(statSync(join(path, name)).uid, uid, name);

  // A link that leads out of the folder hands nothing over.
  const own = join(folder.path, 'own');
  writeFileSync(own, 'mine, ');
  const before = statSync(own).uid;
  symlinkSync(own, join(path, 'link'));
  await appendDurably(systemFiles, join(path, 'link'), 'still');
  assert.equal([readFileSync(own, 'utf8'), statSync(own).uid], ['mine, still', before]);
});
