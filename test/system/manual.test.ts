import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { roles } from '#protocol/policy.ts';
import { purposes } from '#protocol/purpose.ts';
import { loginRoles } from '../../deploy/hub/page/logins.ts';
import { completionOf, type Shell } from '../../deploy/manual/completion.ts';
import { manualPage } from '../../deploy/manual/man.ts';
import { agentProgram, hubProgram, type Program } from '../../deploy/manual/program.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('manual pages and completions');
const programs: Program[] = [agentProgram(), await hubProgram()];

/** What a shell says to `script`; its complaints fail the test. */
function say(shell: Shell, script: string): string[] {
  const plain = { bash: ['--norc'], zsh: ['-f'], fish: ['--no-config'] }[shell];
  const out = execFileSync(shell, [...plain, '-c', script], { encoding: 'utf8', timeout: 20_000 });
  return out.split('\n').filter((line) => line !== '');
}

/** Offers of bash for a line of words, the last of them unfinished. */
function bashOffers(file: string, { name }: Program, words: readonly string[]): string[] {
  const list = [name, ...words].map((word) => `'${word}'`).join(' ');
  return say(
    'bash',
    `compopt() { :; }; . '${file}'; COMP_WORDS=(${list}); COMP_CWORD=${words.length}
     _${name.replaceAll('-', '_')}; printf '%s\\n' "\${COMPREPLY[@]}"`,
  );
}

for (const shell of ['bash', 'zsh', 'fish'] as const) {
  if (findProgram(shell) === undefined) {
    test.skip(`${shell} takes the completions`, `${shell} is not installed`);
    continue;
  }
  test(`${shell} takes the completions`, () => {
    using folder = temporaryFolder();
    for (const program of programs) {
      const file = join(folder.path, `_${program.name}`);
      writeFileSync(file, completionOf(shell, program));
      execFileSync(shell, ['-n', file], { stdio: 'pipe' });
      const first = program.commands[0]?.name as string;
      if (shell === 'bash') {
        assert.equal(
          bashOffers(file, program, ['']),
          program.commands.map(({ name }) => name),
        );
        for (const { name, options } of program.commands)
          assert.equal(
            bashOffers(file, program, [name, '--']),
            options.map((option) => `--${option.name}`),
            name,
          );
      }
      if (shell === 'fish') {
        const offers = say('fish', `source '${file}'; complete -C '${program.name} '`);
        assert.equal(
          offers.map((line) => line.split('\t')[0]).sort(),
          program.commands.map(({ name }) => name).sort(),
        );
        const options = say('fish', `source '${file}'; complete -C '${program.name} ${first} --'`);
        assert.equal(
          options.map((line) => line.split('\t')[0]).sort(),
          program.commands[0]?.options.map(({ name }) => `--${name}`).sort(),
        );
      }
      if (shell === 'zsh') {
        // Its real engine wants a terminal: the two builtins that offer are listened to instead.
        const heard = say(
          'zsh',
          `_describe() { print -l -- "\${(@P)2}" }; _arguments() { print -l -- "$@" }; compdef() { : }
           words=(${program.name} ''); CURRENT=2; . '${file}'
           words=(${program.name} ${first} ''); CURRENT=3; . '${file}'`,
        );
        for (const { name } of program.commands)
          assert.ok(
            heard.some((line) => line.startsWith(`${name}:`)),
            name,
          );
        for (const option of program.commands[0]?.options ?? [])
          assert.ok(
            heard.some((line) => line.startsWith(`*--${option.name}[`)),
            option.name,
          );
      }
    }
  });
}

test('what an option is one of is offered, by each shell that is here', () => {
  using folder = temporaryFolder();
  const [, hub] = programs as [Program, Program];
  const asked: [string[], readonly string[]][] = [
    [['request', '--purpose'], purposes],
    [['login', '--role'], loginRoles],
    [['policy', '--role'], roles],
  ];
  const fileFor = (shell: Shell): string => {
    const file = join(folder.path, shell);
    writeFileSync(file, completionOf(shell, hub));
    return file;
  };
  for (const [words, wanted] of asked) {
    assert.equal(bashOffers(fileFor('bash'), hub, [...words, '']), wanted);
    if (findProgram('fish') !== undefined) {
      const offers = say('fish', `source '${fileFor('fish')}'; complete -C 'peio-hub ${words.join(' ')} '`);
      assert.equal(offers.map((line) => line.split('\t')[0]).sort(), [...wanted].sort());
    }
    if (findProgram('zsh') !== undefined) {
      const heard = say(
        'zsh',
        `_arguments() { print -l -- "$@" }; compdef() { : }; words=(peio-hub ${words[0]} ''); CURRENT=3; . '${fileFor('zsh')}'`,
      );
      assert.ok(
        heard.some((line) => line.startsWith(`*${words[1]}[`) && line.endsWith(`:(${wanted.join(' ')})`)),
      );
    }
  }
  assert.equal(bashOffers(fileFor('bash'), hub, ['login', '--role', 'o']), ['operator', 'officer']);
  assert.equal(bashOffers(fileFor('bash'), hub, ['request', '--protocol', '']), []);
});

test('paths are offered where an option takes one', () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'here.yaml'), '');
  const file = join(folder.path, 'completion');
  const program = agentProgram();
  writeFileSync(file, completionOf('bash', program));
  assert.equal(bashOffers(file, program, ['run', '--config', join(folder.path, 'he')]), [
    join(folder.path, 'here.yaml'),
  ]);
  assert.equal(bashOffers(file, program, ['run', '--log', join(folder.path, 'he')]), []);
});

if (findProgram('man') === undefined) test.skip('man shows every command', 'man is not installed');
else
  test('man shows every command', () => {
    using folder = temporaryFolder();
    for (const program of programs) {
      const file = join(folder.path, `${program.name}.1`);
      writeFileSync(
        file,
        manualPage(program, {
          summary: 'does what it does',
          description: ['Some', 'words.'],
          version: '1',
          files: [['/etc/x', "what's there"]],
        }),
      );
      const shown = execFileSync('man', ['--warnings=w', '-E', 'UTF-8', '-l', file], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, MANWIDTH: '200', LC_ALL: 'C.UTF-8', MAN_KEEP_FORMATTING: '' },
      });
      const plain = shown.replaceAll(/.\u0008/g, '').replaceAll(/\s+/g, ' ');
      for (const { name, summary, options } of program.commands) {
        assert.ok(plain.includes(`${program.name} ${name}`), name);
        assert.ok(plain.includes(summary.replaceAll('’', "'").replaceAll(/\s+/g, ' ')), summary);
        for (const option of options) assert.ok(plain.includes(`--${option.name}`), option.name);
      }
    }
  });
