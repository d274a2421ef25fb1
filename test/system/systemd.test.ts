import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openNotifier } from '#agent/platform/notify.ts';
import { eventually } from '../support/eventually.ts';
import { quietLog } from '../support/log.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('units');
const units = join(import.meta.dirname, '../../systemd');
/** Tenths of systemd's exposure level: 1.5. */
const exposureBar = 15;

function said(command: string, args: string[]): { code: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 30_000 });
  return { code: status, text: `${stdout}${stderr}` };
}

/** The unit in a folder of its own, its program replaced by one that this machine has, with an example of a drop-in. */
function staged(folder: string, unit: string): string {
  const file = join(folder, `${unit}.service`);
  const text = readFileSync(join(units, `${unit}.service`), 'utf8');
  const program = `ExecStart=/usr/bin/${unit} `;
  assert.ok(text.includes(program));
  writeFileSync(file, text.replace(program, `ExecStart=${process.execPath} `));
  return file;
}

if (findProgram('systemd-analyze') === undefined) test.skip('the units', 'systemd is not installed');
else
  for (const unit of ['peio-agent', 'peio-hub']) {
    test(`${unit}: systemd has nothing to say against it`, () => {
      using folder = temporaryFolder();
      const verified = said('systemd-analyze', ['verify', '--man=no', staged(folder.path, unit)]);
      assert.equal(verified, { code: 0, text: '' });
    });

    test(`${unit}: a word that systemd does not know is found`, () => {
      using folder = temporaryFolder();
      const file = staged(folder.path, unit);
      writeFileSync(file, readFileSync(file, 'utf8').replace('LimitCORE=', 'LimitKORE='));
      assert.ok(said('systemd-analyze', ['verify', '--man=no', file]).text.includes('LimitKORE'));
    });

    test(`${unit}: its exposure is at most 1.5`, () => {
      using folder = temporaryFolder();
      const file = staged(folder.path, unit);
      const weigh = () =>
        said('systemd-analyze', [
          'security',
          '--offline=true',
          '--no-pager',
          `--threshold=${exposureBar}`,
          file,
        ]);
      assert.is(weigh().code, 0, weigh().text.trim().split('\n').at(-1));
      writeFileSync(
        file,
        readFileSync(file, 'utf8').replace('NoNewPrivileges=yes', '').replace('PrivateUsers=yes', ''),
      );
      assert.is.not(weigh().code, 0);
    });
  }

if (findProgram('systemd-sysusers') === undefined) test.skip('users and folders', 'systemd is not installed');
else
  test('users have no shell; configuration is for the agent to read and for nobody else', () => {
    using folder = temporaryFolder();
    const root = folder.path;
    mkdirSync(join(root, 'etc/peio-agent/secrets'), { recursive: true, mode: 0o755 });
    writeFileSync(join(root, 'etc/peio-agent/agent.yaml'), '', { mode: 0o644 });
    writeFileSync(join(root, 'etc/peio-agent/secrets/node-key'), '', { mode: 0o600 });
    chmodSync(join(root, 'etc/peio-agent/secrets'), 0o777);
    for (const name of ['peio-agent', 'peio-hub']) {
      const users = said('systemd-sysusers', [`--root=${root}`, join(units, `${name}.sysusers`)]);
      assert.is(users.code, 0, users.text);
    }
    const passwd = readFileSync(join(root, 'etc/passwd'), 'utf8');
    const ids = new Map(
      [...passwd.matchAll(/^(peio-\w+):x:(\d+):\d+:[^:]*:[^:]*:\/usr\/sbin\/nologin$/gm)].map((match) => [
        match[1],
        Number(match[2]),
      ]),
    );
    assert.equal([...ids.keys()].sort(), ['peio-agent', 'peio-hub']);
    if (process.getuid?.() !== 0) return; // Only root can give files away.
    for (const name of ['peio-agent', 'peio-hub']) {
      const folders = said('systemd-tmpfiles', [
        '--create',
        `--root=${root}`,
        join(units, `${name}.tmpfiles`),
      ]);
      assert.is(folders.code, 0, folders.text);
    }
    const shown = (path: string): string => {
      const { mode, uid, gid } = statSync(join(root, path));
      return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
    };
    const gid = Number(/^peio-agent:x:(\d+):/m.exec(readFileSync(join(root, 'etc/group'), 'utf8'))?.[1]);
    assert.is(shown('etc/peio-agent'), `750 0:${gid}`);
    assert.is(shown('etc/peio-agent/secrets'), `750 0:${gid}`);
    assert.is(shown('etc/peio-agent/agent.yaml'), `640 0:${gid}`);
    assert.is(shown('etc/peio-agent/secrets/node-key'), `640 0:${gid}`);
    assert.is(shown('var/lib/peio-hub').split(' ')[0], '700');
    assert.is(shown('var/lib/peio-agent'), `700 ${ids.get('peio-agent')}:${gid}`);
  });

/** Prints each datagram that a Unix socket gets as a line of JSON: Node has no such socket. */
const listener = `
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
print('"open"', flush=True)
while True:
    data, fds, _, _ = socket.recv_fds(s, 4096, 8)
    print(json.dumps(data.decode()), flush=True)
    for fd in fds: os.close(fd)
`;

if (findProgram('systemd-notify') === undefined || findProgram('python3') === undefined)
  test.skip('the service manager hears', 'systemd-notify or python3 is not installed');
else
  test('the service manager hears ready, alive with one line of status, and stopping', async () => {
    using folder = temporaryFolder();
    const socket = join(folder.path, 'notify');
    const python: ChildProcess = spawn('python3', ['-c', listener, socket], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let heard = '';
    python.stdout?.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
    });
    const ended = new Promise((resolve) => python.once('exit', resolve));
    try {
      await eventually('the socket', () => heard.includes('open'));
      const before = process.env['NOTIFY_SOCKET'];
      process.env['NOTIFY_SOCKET'] = socket;
      try {
        const notifier = openNotifier(
          { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '60000000', WATCHDOG_PID: String(process.pid) },
          quietLog,
        );
        assert.is(notifier.watchdogMs, 60_000);
        await notifier.ready('recording 2 of 2');
        await notifier.alive('one\nREADY=0 two');
        await notifier.stopping();
      } finally {
        if (before === undefined) delete process.env['NOTIFY_SOCKET'];
        else process.env['NOTIFY_SOCKET'] = before;
      }
      await eventually('the last word', () => heard.includes('STOPPING=1'));
      const messages = heard
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as string)
        .filter((text) => text.includes('=') && !text.startsWith('BARRIER='));
      assert.equal(
        messages.map((text) => text.trim().split('\n')),
        [
          ['READY=1', 'STATUS=recording 2 of 2'],
          ['WATCHDOG=1', 'STATUS=one READY=0 two'],
          ['STOPPING=1', 'STATUS=stopping'],
        ],
      );
    } finally {
      python.kill('SIGTERM');
      await ended;
    }
  });

test('a watchdog that is meant for another process is not fed', () => {
  const env = { NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '60000000', WATCHDOG_PID: '1' };
  assert.is(openNotifier(env, quietLog).watchdogMs, undefined);
  assert.is(openNotifier({ WATCHDOG_USEC: '60000000' }, quietLog).watchdogMs, undefined);
});

test('the folder holds what its page lists', () => {
  const page = readFileSync(join(units, 'README.md'), 'utf8');
  const listed = (name: string): boolean =>
    page.includes(`\`${name}\``) || page.includes(`\`*${name.slice(name.lastIndexOf('.'))}\``);
  assert.equal(
    readdirSync(units).filter((name) => name !== 'README.md' && !listed(name)),
    [],
  );
});
