import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { exitCodeOf, sentenceOf } from '#protocol/failure.ts';
import { type Command, runCommand } from '../../deploy/hub/cli/command.ts';
import { commands } from '../../deploy/hub/cli/commands.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('a hub that is nowhere');

/** What a command ends with: its exit code, and what it complains of. */
async function ask(env: Record<string, string>, name: string, ...rest: string[]): Promise<string> {
  const command = (await commands[name]?.()) as Command;
  const nothing = (): void => {};
  const shown = { print: nothing, note: nothing, progress: nothing, show: nothing };
  const terminal = { ...shown, interactive: false, ask: async () => '' };
  try {
    return String(await runCommand(name, command, rest, { terminal, env }));
  } catch (error) {
    return `${exitCodeOf(error)} ${sentenceOf(error)}`;
  }
}

test('is one sentence and exit 69, whatever is asked of it and however it was named', async () => {
  using folder = temporaryFolder();
  const nowhere = join(folder.path, 'nowhere');
  const file = join(folder.path, 'file');
  writeFileSync(file, '');
  const env = { PEIO_HUB: nowhere };
  const said = await ask(env, 'status');
  assert.match(said, /^69 /);
  for (const [name = '', ...rest] of [
    ['serve'],
    ['register', '--check'],
    ['follow', 'latest'],
    ['policy', 'show'],
    ['login', 'list'],
    ['ca', 'list'],
    ['backup', 'file', '--for', 'age1x'],
    ['verify', folder.path],
  ])
    assert.is(await ask(env, name, ...rest), said, name);
  assert.is(await ask({ PEIO_HUB: '/' }, 'serve', '--hub', nowhere), said);
  assert.match(await ask({}, 'serve', '--hub', file), /^69 /);
  assert.match(
    await ask({ PEIO_HUB: folder.path }, 'serve'),
    /^78 /,
    'a folder without a hub.yaml is another thing',
  );
});

test('is nothing to what does without one', async () => {
  using folder = temporaryFolder();
  const env = { PEIO_HUB: join(folder.path, 'nowhere') };
  assert.is(await ask(env, 'status', '--help'), '0');
  assert.is(await ask(env, 'inventory', 'check'), '0');
  assert.match(await ask(env, 'verify', folder.path, '--root', join(folder.path, 'root.pub')), /^64 /);
});
