import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { localStatus } from '#agent/web/local.ts';
import { type BootedDebian, bootDebian, noDebian } from '../support/booted-debian.ts';
import { snapshotCheckout } from '../support/checkout-snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** debootstrap takes four minutes of a machine that does nothing else. */
const test = suite("the installer's guide, followed to the letter", { timeoutMs: 1_500_000 });
const guide = readFileSync(join(import.meta.dirname, '../../deploy/README.md'), 'utf8');
const secretNames = ['root', 'operator', 'officer', 'hub', 'officer-identity', 'escrow-identity'];
const cameras = ['10.0.9.11', '10.0.9.12', '10.0.9.13'];

/** What is to be typed, block by block. */
function blocksOf(text: string): string[] {
  return [...text.matchAll(/^( *)```sh\n([\s\S]*?)^ *```$/gm)].map(([, indent = '', block = '']) =>
    block
      .split('\n')
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
      .join('\n'),
  );
}

if (noDebian !== undefined) test.skip('from an empty mini-PC to a recording site', noDebian);
else
  test('from an empty mini-PC to a recording site', async () => {
    using folder = temporaryFolder();
    const packages = snapshotCheckout(join(folder.path, 'checkout'));
    const needed = ['ffmpeg', 'iputils-ping', 'iproute2', 'debconf', 'mosquitto', 'chrony'];
    const booting = bootDebian(folder.path, needed, 'own');
    const built = packages.build(join(folder.path, 'dist'), ['--arch', 'amd64']);
    const [booted] = await Promise.allSettled([booting, built]);
    if (booted.status === 'rejected') throw booted.reason;
    await using debian: BootedDebian = booted.value;
    await built;
    cpSync(join(folder.path, 'dist'), join(debian.root, 'srv'), { recursive: true });
    const network = async (): Promise<void> => {
      for (const address of ['10.0.0.1', ...cameras])
        await debian.must('ip', 'address', 'add', `${address}/32`, 'dev', 'lo');
    };
    await network();
    using _cameras = siteCameras(debian.first());

    const blocks = blocksOf(guide);
    assert.is(blocks.length, 16);
    // As one script: a function of one step is there in the next.
    writeFileSync(join(debian.root, 'srv/guide.sh'), `set -e\n${blocks.join('\n')}`);
    const phrases = secretNames.map((name) => `${name}=la frase segreta di ${name}\n`).join('');
    await debian.must('sh', '-c', `umask 077; printf '%s' '${phrases}' > /dev/shm/passphrases`);
    await debian.must('sh', '-c', "umask 077; echo 'la frase segreta dei certificati' > /dev/shm/authority");
    const { code, out, err } = await debian.run('bash', '/srv/guide.sh');
    assert.is(code, 0, `${out.slice(-3000)}\n${err.slice(-3000)}`);

    await eventually(
      'every camera to record',
      async () => {
        const { out: status } = await debian.run('peio-agent', 'status', '--json');
        if (!status.startsWith('{')) return false;
        const { health } = localStatus.parse(JSON.parse(status));
        return health.cameras?.length === 3 && health.cameras.every(({ state }) => state === 'recording');
      },
      60_000,
    );
    await eventually('the town hall to hear of it', async () => {
      const { out: status } = await debian.run('peio-hub', 'status', '--json');
      if (!status.startsWith('{')) return false;
      const { nodes } = JSON.parse(status) as { nodes: { id: string; word: string }[] };
      return nodes.some(({ id, word }) => id === 'site-09' && word !== 'unknown');
    });
    assert.equal(readdirSync(join(debian.root, 'etc/peio-agent/secrets')), []);
    for (const file of readdirSync(join(debian.root, 'etc/peio-agent'), { withFileTypes: true }))
      if (file.isFile())
        assert.not.match(
          readFileSync(join(file.parentPath, file.name), 'utf8'),
          /PRIVATE KEY|AGE-SECRET-KEY|Paese-47/,
          file.name,
        );
    assert.equal(readdirSync(join(debian.root, 'media/stick')), []);

    // A camera gets another password: the step that encrypts, done again as it stands, keeps the other secrets.
    const dropIn = join(debian.root, 'etc/systemd/system/peio-agent.service.d/credentials.conf');
    const before = readFileSync(dropIn, 'utf8');
    writeFileSync(join(debian.root, 'etc/peio-agent/secrets/cam-1'), 'rec:Paese-47\n');
    const encrypting =
      blocks.find((block) => block.includes('systemd-creds encrypt --name="$file"')) ?? 'false';
    writeFileSync(join(debian.root, 'srv/again.sh'), `set -e\n${encrypting}`);
    await debian.must('bash', '/srv/again.sh');
    assert.is(readFileSync(dropIn, 'utf8'), before);
    await debian.must('systemctl', 'restart', 'peio-agent');

    await debian.cutPower();
    await debian.boot();
    const active = await debian.must('systemctl', 'is-active', 'peio-agent', 'peio-hub', 'mosquitto');
    assert.equal(active.split('\n'), ['active', 'active', 'active']);
    const verified = await debian.run('peio-agent', 'verify', '--store', '/var/lib/peio-agent');
    assert.is(verified.code, 0, verified.out);

    // Addresses that no network configuration of this Debian knows.
    await network();
    // Stolen: one command, and the broker that systemd runs drops it.
    const connected = async (): Promise<boolean | undefined> => {
      const { out: status } = await debian.run('peio-agent', 'status', '--json');
      return status.startsWith('{') ? localStatus.parse(JSON.parse(status)).health.mqtt.connected : undefined;
    };
    await eventually('the node to be connected again', connected, 60_000);
    const phrase = (name: string, text: string): Promise<string> =>
      debian.must('sh', '-c', `umask 077; echo 'la frase segreta ${text}' > /dev/shm/${name}`);
    await phrase('root', 'di root');
    await phrase('authority', 'dei certificati');
    await debian.must(
      ...['peio-hub', 'revoke', 'site-09', '--ca', '/media/root/authority'],
      ...['--ca-passphrase-file', '/dev/shm/authority'],
      ...['--root-key', '/media/root/root.key', '--passphrase-file', '/dev/shm/root'],
    );
    await eventually('the node to be shut out', async () => (await connected()) === false, 60_000);
  });

/** Cameras in the network of `pid`. */
function siteCameras(pid: number): Disposable {
  const program = join(import.meta.dirname, '../support/site-cameras-child.ts');
  // They end with this process, however that ends.
  const child: ChildProcess = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', 'nsenter', '-t', String(pid), '-n', '--'],
      ...[process.execPath, program, 'rec', 'Paese-47', ...cameras],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  return { [Symbol.dispose]: () => void child.kill('SIGKILL') };
}
