import { systemFiles } from '#agent/platform/files.ts';
import { Failure } from '#protocol/failure.ts';
import { type LoginRole, leastPassword, loginRoles, openLogins } from '../page/logins.ts';
import { loginsPath } from '../page/open-page.ts';
import type { Call, Command } from './command.ts';
import { readPassphrase } from './passphrase.ts';

export const login: Command = {
  summary: 'Says who may look at the town hall’s page.',
  usage: 'add NAME --role ROLE [--display] | remove NAME | list',
  notes: `Roles: maintainer (cameras, links, alerts), operator and officer (requests, progress and the register as well).
A login signs nothing: commands are signed with the keys that the policy names. "add" replaces a login of that name,
and whoever is logged in by it has to log in again. Two idle hours end a session, and twelve hours in any case; with
--display, for a screen on a wall, 90 days do: it sees what the maintainer sees and changes nothing.`,
  arguments: { least: 1, most: 2 },
  options: {
    role: { type: 'string', value: 'ROLE', help: loginRoles.join(', ') },
    display: { type: 'boolean', help: 'a screen on a wall: role maintainer, changes nothing, 90 days' },
    'password-file': { type: 'string', value: 'FILE', help: 'file with the password (else asked for)' },
    json: { type: 'boolean', help: '"list" as JSON' },
  },
  async run(call) {
    call.settings();
    const logins = openLogins(systemFiles, loginsPath(call.dir));
    const [act, name] = call.positionals;
    if (act === 'list' && name === undefined) {
      const all = (await logins.all()).map(({ made: _, ...one }) => one);
      if (call.flag('json')) call.terminal.print(JSON.stringify(all));
      else
        for (const one of all)
          call.terminal.print(`${one.name}  ${one.role}${one.display ? '  display' : ''}`);
      return 0;
    }
    if (name === undefined || (act !== 'add' && act !== 'remove'))
      throw new Failure('usage', 'usage', `hub login ${login.usage}: see "hub login --help"`);
    if (act === 'remove') {
      await logins.remove(name);
      return 0;
    }
    const role = call.need('role');
    if (!isRole(role)) throw new Failure('usage', 'usage', `--role is one of ${loginRoles.join(', ')}`);
    const display = call.flag('display');
    // Before anybody types a password for nothing.
    if (display && role !== 'maintainer')
      throw new Failure('usage', 'usage', '--display goes with --role maintainer alone');
    await logins.put({ name, role, ...(display && { display }) }, await newPassword(call));
    return 0;
  },
};

function isRole(word: string): word is LoginRole {
  return (loginRoles as readonly string[]).includes(word);
}

async function newPassword(call: Call): Promise<string> {
  const file = call.option('password-file');
  if (file !== undefined) return readPassphrase(file);
  const it = call.settings().lang === 'it';
  const first = await call.terminal.ask(
    it
      ? `Password (almeno ${leastPassword} caratteri): `
      : `Password (at least ${leastPassword} characters): `,
    { hidden: true },
  );
  const again = await call.terminal.ask(it ? 'Ancora una volta: ' : 'Once more: ', { hidden: true });
  if (first !== again) throw new Failure('usage', 'usage', it ? 'non sono uguali' : 'they differ');
  return first;
}
