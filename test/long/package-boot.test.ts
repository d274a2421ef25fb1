import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { localStatus } from '#agent/web/local.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { type LedgerLine, ledgerOf } from '../support/agent-child.ts';
import { type BootedDebian, bootDebian, noDebian } from '../support/booted-debian.ts';
import { snapshotCheckout } from '../support/checkout-snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown, type Town } from '../support/town.ts';

/** debootstrap takes four minutes of a machine that does nothing else. */
const test = suite('the packages, in a Debian that is booted', { timeoutMs: 1_200_000 });
const version = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
  .version as string;
const next = `${version}+next`;
const folder = temporaryFolder();
const state = '/var/lib/peio-agent';
const config = '/etc/peio-agent/agent.yaml';
const camera = { user: 'rec', password: 'Paese-47' };

let debian: BootedDebian;
let simulator: Simulator;
let town: Town;

const at = (path: string): string => join(debian.root, path);
const must = (...command: string[]): Promise<string> => debian.must(...command);
const property = (unit: string, name: string): Promise<string> =>
  must('systemctl', 'show', '--property', name, '--value', unit);
const ask = async (question: string, unit: string): Promise<string> =>
  (await debian.run('systemctl', question, unit)).out.trim();
const sealed = (): LedgerLine[] =>
  ledgerOf({ ...town, store: at(state) }, 'cam-1').filter(({ kind }) => kind === 'segment');
const install = (name: string, what = version): Promise<string> =>
  must('dpkg', '-i', `/srv/${name}_${what}_amd64.deb`);
const hash = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
const secretsOf = (file: string): string => join('/etc/peio-agent/secrets', file);

async function recording(): Promise<void> {
  await eventually(
    'the agent to record',
    async () => {
      const { code, out } = await debian.run('peio-agent', 'status', '--json');
      if (code !== 0) return false;
      return localStatus.parse(JSON.parse(out)).health.cameras?.every((one) => one.state === 'recording');
    },
    60_000,
  );
  const before = sealed().length;
  await eventually('another sealed segment', () => sealed().length > before, 30_000);
}

if (noDebian !== undefined) test.skip('installed, upgraded, removed', noDebian);
else {
  test.before(async () => {
    simulator = await startSimulator({ cameras: [{ path: '/cam-1', frameRate: 40, ...camera }] });
    town = await makeTown(folder.path, {
      cameras: [{ id: 'cam-1', rtsp: simulator.camera('/cam-1').url, credentials: camera }],
      agent: { store: { path: state, segment: '2s' }, socket: '/run/peio-agent/agent.sock' },
    });
    const { build } = snapshotCheckout(join(folder.path, 'checkout'));
    const dist = join(folder.path, 'dist');
    const booting = bootDebian(folder.path, ['ffmpeg', 'iputils-ping', 'debconf']);
    try {
      await build(dist, ['--arch', 'amd64']);
      await build(dist, ['--arch', 'amd64', '--version', next, '--only', 'peio-agent']);
    } finally {
      debian = await booting;
    }
    cpSync(join(folder.path, 'dist'), at('srv'), { recursive: true });
  });
  test.after(async () => {
    await debian?.[Symbol.asyncDispose]();
    await simulator?.close();
    folder[Symbol.dispose]();
  });

  test('fresh: apt finds all it depends on; nothing runs that nobody configured', async () => {
    const agent = `/srv/peio-agent_${version}_amd64.deb`;
    const simulated = await must('apt-get', 'install', '--simulate', '--no-install-recommends', agent);
    assert.match(simulated, /Inst peio-agent/);
    assert.match(await install('peio-agent'), /not configured yet/);
    assert.is(await ask('is-enabled', 'peio-agent'), 'disabled');
    assert.is(await ask('is-active', 'peio-agent'), 'inactive');
    assert.match(await must('peio-agent', '--help'), /status/);
    assert.match(await must('getent', 'passwd', 'peio-agent'), /\/usr\/sbin\/nologin$/);
    assert.is(statSync(at('etc/peio-agent/secrets')).mode & 0o777, 0o750);
    // Started all the same, it has nothing to do.
    await must('systemctl', 'start', 'peio-agent');
    assert.is(await ask('is-active', 'peio-agent'), 'inactive');
  });

  test('configured: it is checked, started, ready when it says so, and records with its secrets encrypted', async () => {
    cpSync(town.box, at('etc/peio-agent'), { recursive: true });
    await must('systemd-tmpfiles', '--create', 'peio-agent.conf');
    assert.is(statSync(at(secretsOf('node-key'))).mode & 0o777, 0o640);
    for (const name of ['node-key', 'cam-1']) {
      const sealedName = `/etc/credstore.encrypted/peio-agent.${name}`;
      mkdirSync(at('etc/credstore.encrypted'), { recursive: true, mode: 0o700 });
      await must('systemd-creds', 'encrypt', `--name=${name}`, secretsOf(name), sealedName);
      await must('rm', secretsOf(name));
    }
    const dropIn = at('etc/systemd/system/peio-agent.service.d');
    mkdirSync(dropIn, { recursive: true });
    const example = readFileSync(at('usr/share/doc/peio-agent/examples/credentials.conf'), 'utf8');
    writeFileSync(join(dropIn, 'credentials.conf'), example);
    // A watchdog that a test can wait for.
    writeFileSync(join(dropIn, 'watchdog.conf'), '[Service]\nWatchdogSec=8\n');
    await must('systemctl', 'daemon-reload');
    await must('systemctl', 'enable', '--now', 'peio-agent');
    assert.is(await ask('is-active', 'peio-agent'), 'active');
    assert.match(await property('peio-agent', 'StatusText'), /1 of 1|0 of 1/);
    await recording();
  });

  test('confined: no capability, no new privilege, system calls filtered, no core, files its own alone', async () => {
    const pid = await property('peio-agent', 'MainPID');
    const facts = await must('cat', `/proc/${pid}/status`, `/proc/${pid}/limits`);
    assert.match(facts, /^CapEff:\t0+$/m);
    assert.match(facts, /^CapBnd:\t0+$/m);
    assert.match(facts, /^NoNewPrivs:\t1$/m);
    assert.match(facts, /^Seccomp:\t2$/m);
    assert.match(facts, /^Max core file size +0 +0 /m);
    assert.match(facts, new RegExp(`^Uid:\\t${await must('id', '-u', 'peio-agent')}\\b`, 'm'));
    assert.is(statSync(at(state)).mode & 0o777, 0o700);
    const open = readdirSync(at(state), { recursive: true, withFileTypes: true })
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => existsSync(path) && (statSync(path).mode & 0o077) !== 0);
    assert.equal(open, []);
    const seen = `/proc/${pid}/root`;
    const tried = await debian.run(
      'nsenter',
      '-t',
      pid,
      '-m',
      '--',
      'sh',
      '-c',
      'echo x > /etc/peio-agent/x',
    );
    assert.is.not(tried.code, 0, seen);
  });

  test('killed, it is back; hanging, it is found out and is back', async () => {
    for (const name of ['KILL', 'STOP']) {
      const before = await property('peio-agent', 'MainPID');
      await must('sh', '-c', `kill -${name} ${before}`);
      await eventually(
        `another process after ${name}`,
        async () => {
          const now = await property('peio-agent', 'MainPID');
          return now !== before && now !== '0' && (await ask('is-active', 'peio-agent')) === 'active';
        },
        60_000,
      );
      await recording();
    }
    assert.is(await property('peio-agent', 'NRestarts'), '2');
  });

  test('the power is cut: at the next boot it records, and what was sealed is whole', async () => {
    const before = sealed();
    await debian.cutPower();
    await debian.boot();
    assert.is(await ask('is-active', 'peio-agent'), 'active');
    await recording();
    assert.equal(
      before.filter(({ file }) => !sealed().some((now) => now.file === file)),
      [],
    );
    const verified = await debian.run('peio-agent', 'verify', '--store', state, '--json');
    assert.is(verified.code, 0, verified.out);
  });

  test('a wrong configuration ends with 78 and is not started again; every problem is in the journal', async () => {
    const good = readFileSync(at(config), 'utf8');
    writeFileSync(at(config), `${good}nodde: x\n`);
    assert.is.not((await debian.run('systemctl', 'restart', 'peio-agent')).code, 0);
    assert.is(await ask('is-active', 'peio-agent'), 'failed');
    assert.is(await property('peio-agent', 'ExecMainStatus'), '78');
    assert.match(await must('journalctl', '-u', 'peio-agent', '-n', '20', '-o', 'cat'), /nodde/);
    writeFileSync(at(config), good);
    await must('systemctl', 'reset-failed', 'peio-agent');
    await must('systemctl', 'start', 'peio-agent');
    await recording();
  });

  test('upgraded in place: seconds are missing, configuration and footage are as they were', async () => {
    const before = {
      config: hash(at(config)),
      segments: sealed(),
      pid: await property('peio-agent', 'MainPID'),
    };
    await install('peio-agent', next);
    assert.is(await ask('is-active', 'peio-agent'), 'active');
    assert.is(await ask('is-enabled', 'peio-agent'), 'enabled');
    assert.is.not(await property('peio-agent', 'MainPID'), before.pid);
    await recording();
    assert.is(hash(at(config)), before.config);
    const after = sealed();
    assert.equal(
      before.segments.filter(({ file }) => !after.some((now) => now.file === file)),
      [],
    );
    const { out } = await debian.run('peio-agent', 'status', '--json');
    assert.is(JSON.parse(out).version, next);
    const missing = after.flatMap(({ start }, index) => {
      const earlier = after[index - 1];
      return earlier !== undefined && earlier.start >= (before.segments.at(-1)?.start ?? 0)
        ? [start - earlier.end]
        : [];
    });
    const worst = Math.max(...missing);
    console.log(`  upgrade in place: ${(worst / 1000).toFixed(1)} s not recorded`);
    assert.ok(worst < 15_000, `${worst} ms`);
  });

  test('downgraded while the administrator has it disabled: it stays disabled', async () => {
    await must('systemctl', 'disable', '--now', 'peio-agent');
    await install('peio-agent', version);
    assert.is(await ask('is-enabled', 'peio-agent'), 'disabled');
    assert.is(await ask('is-active', 'peio-agent'), 'inactive');
    await must('systemctl', 'enable', '--now', 'peio-agent');
    await recording();
  });

  test('removed: it stops; configuration and footage stay; installed again, it goes on', async () => {
    const before = { config: hash(at(config)), segments: sealed() };
    await must('apt-get', 'remove', '-y', '-qq', 'peio-agent');
    assert.is(await ask('is-active', 'peio-agent'), 'inactive');
    assert.is(hash(at(config)), before.config);
    assert.ok(sealed().length >= before.segments.length);
    assert.not.ok(existsSync(at('usr/bin/peio-agent')));
    await install('peio-agent');
    assert.is(await ask('is-enabled', 'peio-agent'), 'enabled');
    await recording();
  });

  test('purged without an answer: the configuration goes, the footage stays', async () => {
    const { out } = await debian.run('apt-get', 'purge', '-y', '-qq', 'peio-agent');
    assert.match(out, /is kept/);
    assert.not.ok(existsSync(at('etc/peio-agent')));
    assert.not.ok(existsSync(at('etc/credstore.encrypted/peio-agent.node-key')));
    assert.ok(sealed().length > 0);
  });

  test('purged with a yes: the footage goes, too', async () => {
    await install('peio-agent');
    const yes = 'echo peio-agent peio-agent/remove-data boolean true | debconf-set-selections';
    await must('sh', '-c', yes);
    await must('apt-get', 'purge', '-y', '-qq', 'peio-agent');
    assert.not.ok(existsSync(at(state)));
  });

  test('the hub: made as root, its secrets carried off, its passphrase encrypted; it serves, and answers', async () => {
    await install('peio-hub');
    assert.is(await ask('is-enabled', 'peio-hub'), 'disabled');
    const dir = '/var/lib/peio-hub';
    writeFileSync(at('root/passphrase'), 'una frase abbastanza lunga\n', { mode: 0o600 });
    await must('peio-hub', 'init', dir, '--passphrase-file', '/root/passphrase');
    mkdirSync(at('root/carried'));
    await must(
      'sh',
      '-c',
      `mv ${dir}/identities ${dir}/keys/root.key ${dir}/keys/officer.key /root/carried/`,
    );
    await must(
      'sh',
      '-c',
      `sed -i -E 's#mqtts://[^ ]+#mqtt://127.0.0.1:1#; /clientCa|cert|key: hub|ca: /d; s#listen: .*#listen: 127.0.0.1:0#' ${dir}/hub.yaml`,
    );
    mkdirSync(at('etc/credstore.encrypted'), { recursive: true, mode: 0o700 });
    const credential = '/etc/credstore.encrypted/peio-hub.hub-passphrase';
    await must('systemd-creds', 'encrypt', '--name=hub-passphrase', '/root/passphrase', credential);
    await must('rm', '/root/passphrase');
    await must('systemctl', 'enable', '--now', 'peio-hub');
    assert.is(await ask('is-active', 'peio-hub'), 'active');
    assert.is(await property('peio-hub', 'StatusText'), 'serving');
    assert.match(await must('stat', '-c', '%U', `${dir}/hub.yaml`), /^peio-hub$/);
    const status = await debian.run('peio-hub', 'status', '--json');
    assert.ok(JSON.parse(status.out).nodes.length > 0);
    await must('systemctl', 'stop', 'peio-hub');
    assert.is(await property('peio-hub', 'ExecMainStatus'), '0');
  });
}
