import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import * as assert from 'uvu/assert';
import { commands as agentCommands } from '../../agent/cli/commands.ts';
import { optionsOf } from '../../deploy/hub/cli/command.ts';
import { commands as hubCommands } from '../../deploy/hub/cli/commands.ts';
import { suite } from '../support/suite.ts';

const root = join(import.meta.dirname, '../..');
const guides = [
  'README.md',
  'deploy/README.md',
  'deploy/GUIDA.md',
  'deploy/CLUSTER.md',
  'deploy/mosquitto/README.md',
  'deploy/hub/README.md',
];

const test = suite('guides');

/** Every call of a program that a page shows: its command and the options behind it. */
function callsIn(text: string): { program: string; command: string; options: string[]; shown: string }[] {
  const joined = text.replaceAll(/\\\n\s*/g, ' ');
  const pieces = [...joined.matchAll(/`([^`\n]+)`|^ *((?:[^`\n]*[ ;|])?(?:peio-(?:hub|agent)) [^`\n]+)$/gm)];
  return pieces.flatMap((match) => {
    const shown = match[1] ?? match[2] ?? '';
    const call = /(?:^|[ ;|=])(peio-hub|peio-agent|hub|agent) ([a-z][a-z-]*)((?: .*)?)$/.exec(shown);
    if (
      call === null ||
      (match[1] !== undefined &&
        !/^(?:[A-Z_]+=\S+ |(?:runuser|with_secrets) .*-- )?(?:peio-)?(?:hub|agent) /.test(shown))
    )
      return [];
    const [, program = '', command = '', rest = ''] = call;
    const options = [...rest.matchAll(/ --([a-z][a-z-]*)/g)].map(([, option]) => option as string);
    return [{ program: program.replace('peio-', ''), command, options, shown }];
  });
}

test('every command that a guide shows exists, with the options it is shown with', async () => {
  let seen = 0;
  for (const guide of guides) {
    const text = readFileSync(join(root, guide), 'utf8');
    for (const { program, command, options, shown } of callsIn(text)) {
      const known =
        program === 'hub'
          ? Object.hasOwn(hubCommands, command)
            ? Object.keys(optionsOf(await (hubCommands[command] as () => Promise<never>)()))
            : undefined
          : agentCommands.find(({ name }) => name === command)?.options;
      assert.ok(known, `${guide}: ${shown}`);
      const names = Array.isArray(known) ? known : Object.keys(known ?? {});
      for (const option of options)
        assert.ok(names.includes(option) || option === 'help', `${guide}: --${option} in ${shown}`);
      seen += 1;
    }
  }
  assert.ok(seen > 60, `${seen} commands were found`);
});

test('every page and test that a guide names is there', () => {
  for (const guide of guides) {
    const text = readFileSync(join(root, guide), 'utf8');
    for (const [, target] of text.matchAll(/\]\(([^)#]+?)(?:#[^)]*)?\)/g)) {
      if (target === undefined || /^[a-z]+:/.test(target)) continue;
      assert.ok(existsSync(resolve(root, dirname(guide), target)), `${guide}: ${target}`);
    }
    for (const [, file] of text.matchAll(
      /`((?:test|deploy|agent|protocol|systemd)\/[\w./-]+\.(?:ts|md|json|yaml))`/g,
    ))
      assert.ok(existsSync(join(root, file as string)), `${guide}: ${file}`);
  }
});
