import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import * as assert from 'uvu/assert';
import { mosquittoBroker, mosquittoProgram } from '../support/brokers.ts';
import { inTown, officerIdentity, type World } from '../support/hub-case.ts';
import { hubCommand } from '../support/hub-town.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the hub and other people’s tools', { timeoutMs: 240_000 });

const programs = ['age', '7z', 'tar', 'sha256sum', 'ffmpeg', 'ffprobe', 'openssl', 'script'];
const missing = programs.filter((name) => findProgram(name) === undefined);
const when = (title: string, body: () => Promise<void>): void =>
  missing.length > 0 || mosquittoProgram === undefined
    ? test.skip(title, `not installed: ${[...missing, mosquittoProgram ? '' : 'mosquitto'].join(' ')}`)
    : test(title, body);

function tried(program: string, args: string[], cwd?: string) {
  return spawnSync(program, args, { cwd, maxBuffer: 1 << 28 });
}

function tool(program: string, args: string[], cwd?: string): string {
  const { status, stdout, stderr } = tried(program, args, cwd);
  assert.is(status, 0, `${program}: ${stderr}`);
  return stdout.toString('latin1');
}

/** Hash of every packet of the one video track, as a decoder gets it. */
function packets(file: string): string[] {
  const text = tool('ffmpeg', [
    '-v',
    'error',
    '-i',
    file,
    '-map',
    '0:v',
    '-c',
    'copy',
    '-f',
    'framemd5',
    '-',
  ]);
  return text
    .split('\n')
    .filter((line) => /^\d/.test(line))
    .map((line) => line.split(',').at(-1)?.trim() ?? '');
}

const terminal = findProgram('script') ?? 'script';

/** Runs a command on a terminal of its own, script(1)'s, and types an answer at each of `prompts` questions. */
function atTerminal(command: string, prompts: number, answer: (index: number) => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(terminal, ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let shown = '';
    let answered = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
      const asked = shown.match(/passphrase[^\r\n]*: /gi)?.length ?? 0;
      while (answered < Math.min(asked, prompts)) child.stdin.write(answer(answered++));
    });
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(shown) : reject(new Error(`${code}: ${shown}`))));
  });
}

const onMosquitto = (body: (world: World) => Promise<void>): Promise<void> => inTown(body, mosquittoBroker);

when('age, tar, sha256sum and ffprobe read a package; its film holds every packet that was recorded', () =>
  onMosquitto(async (world) => {
    const id = await world.delivered();
    const secret = await generateX25519Identity();
    const identity = join(world.folder, 'identity');
    writeFileSync(identity, `${secret}\n`);
    const file = join(world.folder, 'copy.age');
    const pack = ['--pack', file, '--for', await identityToRecipient(secret)];
    const made = await world.run('open', id, '--identity', officerIdentity(world), ...pack);
    assert.is(made.code, 0, made.err);
    const folder = join(world.folder, 'out');
    mkdirSync(folder);
    tool('age', ['-d', '-i', identity, '-o', join(world.folder, 'copy.tar'), file]);
    tool('tar', ['-xf', join(world.folder, 'copy.tar'), '-C', folder]);
    const sums = tool('sha256sum', ['-c', 'contents.txt'], folder);
    assert.is(sums.match(/: OK/g)?.length, readdirSync(folder).length - 1);

    const film = join(folder, 'viewing.mp4');
    const facts = ['-show_entries', 'stream=codec_name,codec_type', '-of', 'csv=p=0', film];
    assert.is(tool('ffprobe', ['-v', 'error', ...facts]).trim(), 'h264,video');
    const seconds = Number(
      tool('ffprobe', ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', film]),
    );
    const totalMs = world.segments.reduce((sum, { durationMs }) => sum + durationMs, 0);
    assert.ok(Math.abs(seconds * 1000 - totalMs) < 200, `${seconds} s`);
    const recorded = world.segments.flatMap(({ clear, name }) => {
      const path = join(world.folder, name);
      writeFileSync(path, clear);
      return packets(path);
    });
    assert.equal(packets(film), recorded);
    const decoded = tried('ffmpeg', ['-v', 'error', '-xerror', '-i', film, '-f', 'null', '-']);
    assert.is(decoded.stderr.toString(), '', 'decodes without a complaint');
    assert.is(decoded.status, 0);
  }),
);

/** The lines of the README that check a copy, as somebody pastes them into a shell that goes on after an error. */
function readmeSays(folder: string): { said: string; shell: string } {
  const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
  const section = readme.split('## Check a copy without our software\n')[1]?.split('\n## ')[0] ?? '';
  const lines = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].at(-1)?.[1] ?? '';
  const { stdout, stderr } = spawnSync('bash', ['-c', `${lines}\necho the shell is still here`], {
    cwd: folder,
  });
  return { said: stdout.toString(), shell: stderr.toString() };
}

when('the README’s own lines say that a copy is right when it is, and only then, whatever was changed', () =>
  onMosquitto(async (world) => {
    const id = await world.delivered();
    const other = await world.delivered();
    const pack = async (of: string, name: string): Promise<string> => {
      const file = join(world.folder, `${name}.zip`);
      const made = await world.run(
        ...['open', of, '--identity', officerIdentity(world), '--pack', file, '--zip', '--json'],
      );
      assert.is(made.code, 0, made.err);
      const at = join(world.folder, name);
      tool('7z', ['x', `-p${JSON.parse(made.out).passphrase}`, `-o${join(at, 'copy')}`, file]);
      writeFileSync(join(at, 'root.pub'), readFileSync(join(world.town.hub, 'root.pub')));
      return at;
    };
    const at = await pack(id, 'first');
    const second = await pack(other, 'second');
    const right = 'every signature and every file is right';
    const good = readmeSays(at);
    assert.ok(good.said.includes(right), good.shell);
    assert.ok(good.said.trim().endsWith('the shell is still here'));
    const names = readdirSync(join(at, 'copy')).sort();
    const without = (name: string, change: (bytes: Buffer) => Buffer | undefined): string => {
      const path = join(at, 'copy', name);
      const before = existsSync(path) ? readFileSync(path) : undefined;
      const after = change(before ?? Buffer.alloc(0));
      if (after) writeFileSync(path, after);
      else rmSync(path);
      const { said } = readmeSays(at);
      if (before) writeFileSync(path, before);
      else rmSync(path);
      return said;
    };
    for (const name of names) {
      const bit = without(name, (bytes) => {
        const changed = Buffer.from(bytes);
        changed[bytes.length >> 1] = (changed[bytes.length >> 1] as number) ^ 1;
        return changed;
      });
      assert.not.match(bit, new RegExp(right), `one bit of ${name}`);
      assert.not.match(
        without(name, () => undefined),
        new RegExp(right),
        `without ${name}`,
      );
      const theirs = readFileSync(join(second, 'copy', name));
      if (!theirs.equals(readFileSync(join(at, 'copy', name))))
        assert.not.match(
          without(name, () => theirs),
          new RegExp(right),
          `${name} of another copy`,
        );
    }
    // Every hash is right then: only the signature over them is not.
    const forged = without('contents.txt', (bytes) =>
      Buffer.from(
        bytes.toString().replace(/(.{20})(.)(.{20}=*\n)$/, (_, a, b, c) => a + (b === 'A' ? 'B' : 'A') + c),
      ),
    );
    assert.not.match(forged, new RegExp(right), 'another signature');
    assert.not.match(
      without('more.mp4', () => Buffer.from('x')),
      new RegExp(right),
      'a file more',
    );
    assert.ok(readmeSays(at).said.includes(right), 'as it was');
  }),
);

when('7-Zip opens the ZIP with its passphrase, and says AES-256', () =>
  onMosquitto(async (world) => {
    const id = await world.delivered();
    const file = join(world.folder, 'copy.zip');
    const made = await world.run(
      ...['open', id, '--identity', officerIdentity(world), '--pack', file, '--zip', '--json'],
    );
    assert.is(made.code, 0, made.err);
    const { passphrase } = JSON.parse(made.out);
    const out = join(world.folder, 'out');
    assert.match(tool('7z', ['l', '-slt', file]), /Method = AES-256/);
    tool('7z', ['x', `-p${passphrase}`, `-o${out}`, file]);
    assert.is((await world.run('verify', out)).code, 0);
    assert.is.not(tried('7z', ['t', '-pwrong', file]).status, 0);
  }),
);

when('openssl checks the node’s signature, as anybody could', () =>
  onMosquitto(async (world) => {
    const id = await world.delivered();
    const folder = join(world.town.hub, 'data', 'cases', id);
    const { payload, payloadType, signatures } = JSON.parse(
      readFileSync(join(folder, 'manifest.dsse.json'), 'utf8'),
    );
    const bytes = Buffer.from(payload, 'base64');
    const signed = join(world.folder, 'signed');
    writeFileSync(
      signed,
      Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${bytes.length} `), bytes]),
    );
    writeFileSync(join(world.folder, 'sig'), Buffer.from(signatures[0].sig, 'base64'));
    const policy = JSON.parse(
      Buffer.from(
        JSON.parse(readFileSync(join(world.town.hub, 'policy.dsse.json'), 'utf8')).payload,
        'base64',
      ).toString(),
    );
    const spki = Buffer.from(policy.nodes[0].key, 'base64');
    assert.is(createHash('sha256').update(spki).digest('hex'), signatures[0].keyid);
    writeFileSync(join(world.folder, 'node.der'), spki);
    const key = ['-pubin', '-inkey', join(world.folder, 'node.der'), '-keyform', 'DER'];
    const checked = tool('openssl', [
      ...['pkeyutl', '-verify', '-rawin', ...key],
      ...['-in', signed, '-sigfile', join(world.folder, 'sig')],
    ]);
    assert.match(checked, /Verified Successfully/);
  }),
);

when('age and openssl open what "hub init" protected with passphrases typed at a terminal', async () => {
  using folder = temporaryFolder();
  const dir = join(folder.path, 'hub');
  const main = join(import.meta.dirname, '..', '..', 'deploy', 'hub', 'main.ts');
  const phrase = 'typed by hand, twice';
  const shown = await atTerminal(`${process.execPath} ${main} init ${dir}`, 12, () => `${phrase}\r`);
  assert.match(shown, /19 nodi, 43 telecamere/);
  assert.not.match(shown, /typed by hand/);
  const key = tool('openssl', [
    ...['pkey', '-in', join(dir, 'keys', 'officer.key'), '-passin', `pass:${phrase}`, '-noout', '-text'],
  ]);
  assert.match(key, /ED25519 Private-Key/i);
  const command = `age -d ${join(dir, 'identities', 'officer.age')}`;
  const opened = await atTerminal(command, 1, () => `${phrase}\r`);
  assert.match(opened, /AGE-SECRET-KEY-1/);
  const { code } = await hubCommand(['serve', '--hub', dir]);
  assert.is(code, 2);
});
