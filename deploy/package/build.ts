import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, normalize, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { completionOf, type Shell, shells } from '../manual/completion.ts';
import { manualPage } from '../manual/man.ts';
import { isLicence, termsOf } from './copyright.ts';
import { closure, type Lock, readLock } from './lock.ts';
import { fetchLocked, installProduction, must } from './npm.ts';
import { type Arch, type Product, runtimes } from './product.ts';
import { sbomText } from './sbom.ts';
import { packageOf, sourcesOf } from './sources.ts';
import { changelogText, controlText, scriptText, wrapperText } from './texts.ts';
import { openTree, type Tree } from './tree.ts';

export interface Build {
  /** The checkout. */
  root: string;
  /** Where the packages go. */
  out: string;
  /** A folder for what is only needed on the way. */
  work: string;
  version: string;
  /** Seconds since 1970 that every file of the packages carries. */
  epoch: number;
  /** Of xz, 0 to 9. */
  level: number;
}

/** Left out of npm packages: types, maps, texts, tests and tools for their developers. */
const useless =
  /(?:\.d\.[cm]?ts|\.ts|\.map|\.md|\.markdown|\.flow|\.tgz|\.html|\.sh)$|(?:^|\/)\.|^(?:tests?|docs?|examples?|bench(?:marks?)?|scripts?)\//i;
/** The embedded ffmpeg of 2018 is under the GPL and old: an installed system has Debian's. */
const replaced = new Set(['@ffmpeg-installer/ffmpeg']);

/** Builds `product` for `arch`: the .deb, and beside it its CycloneDX list. Both names are given back. */
export async function buildPackage(build: Build, product: Product, arch: Arch): Promise<string[]> {
  const { root, work, version, epoch } = build;
  const lock = readLock(root);
  const sources = sourcesOf(root, product.folders);
  const read = sources.assets.map(packageOf).filter((name) => !sources.packages.includes(name));
  const direct = [...new Set([...sources.packages, ...read])].filter((name) => !replaced.has(name));
  const places = closure(lock, direct);
  const modules = join(work, 'modules');
  if (!existsSync(modules)) await installProduction(root, modules);
  const runtime = await runtimeOf(build, lock, arch);

  const name = `${product.name}_${version}_${arch}`;
  const path = join(work, name);
  rmSync(path, { recursive: true, force: true });
  const tree = openTree(path);
  const home = `usr/lib/${product.name}`;
  for (const file of sources.files) tree.copy(join(root, file), `${home}/${file}`);
  tree.write(`${home}/package.json`, packageJson(root, product, version));
  for (const place of places) {
    const asked = sources.assets.filter((asset) => place === `node_modules/${packageOf(asset)}`);
    const wanted = read.some((name) => place === `node_modules/${name}`) ? asked : undefined;
    copyModule(tree, modules, place, `${home}/${place}`, wanted);
  }
  tree.copy(join(runtime, 'bin/node'), `${home}/bin/node`, 0o755);
  tree.write(`usr/bin/${product.name}`, wrapperText(product), 0o755);
  await system(build, product, tree);
  const terms = termsOf(root, modules, lock, places, {
    version: lock[`node_modules/${runtimes[arch]}`]?.version ?? '',
    licence: readFileSync(join(runtime, 'LICENSE'), 'utf8'),
  });
  tree.write(`usr/share/doc/${product.name}/copyright`, terms.overview);
  tree.write(`usr/share/doc/${product.name}/licences.gz`, gzip(terms.full));
  maintain(product, tree);
  tree.write('DEBIAN/md5sums', tree.md5sums());
  tree.write('DEBIAN/control', controlText(product, version, arch, tree.bytes()));
  tree.seal(epoch);

  mkdirSync(build.out, { recursive: true });
  await must(
    'dpkg-deb',
    ['--root-owner-group', '-Zxz', `-z${build.level}`, '--build', path, join(build.out, `${name}.deb`)],
    { env: { SOURCE_DATE_EPOCH: String(epoch) } },
  );
  const list = await sbomText(
    join(work, `${name}.sbom`),
    {
      name: product.name,
      version,
      direct: [...direct, runtimes[arch]],
      places: closure(lock, [...direct, runtimes[arch]]),
      epoch,
    },
    lock,
  );
  writeFileSync(join(build.out, `${name}.cdx.json`), list);
  return [`${name}.deb`, `${name}.cdx.json`];
}

/** Node as npm's platform package brings it, unpacked once for both products. */
async function runtimeOf(build: Build, lock: Lock, arch: Arch): Promise<string> {
  const folder = join(build.work, runtimes[arch]);
  if (!existsSync(join(folder, 'LICENSE'))) {
    const tarball = await fetchLocked(build.root, lock, runtimes[arch], join(build.work, 'tarballs'));
    mkdirSync(folder, { recursive: true });
    const wanted = ['package/bin/node', 'package/LICENSE'];
    await must('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1', ...wanted]);
  }
  return folder;
}

/** Type stripping and `#agent/` stand on this file being at the top of what is installed. */
function packageJson(root: string, product: Product, version: string): string {
  const { type, imports, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return `${JSON.stringify({ name: product.name, version, license, private: true, type, imports }, null, 2)}\n`;
}

/**
 * Without what is nested in it, which has its own place, and without its commands, which nobody calls. Of a package
 * that is only read, no more than the `wanted` files.
 */
function copyModule(
  tree: Tree,
  modules: string,
  place: string,
  to: string,
  wanted: readonly string[] | undefined,
): void {
  const folder = join(modules, place);
  const { bin = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    bin?: string | Record<string, string>;
  };
  const commands = (typeof bin === 'string' ? [bin] : Object.values(bin)).map((path) => normalize(path));
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const full = join(entry.parentPath, entry.name);
    const within = relative(folder, full);
    if (within.startsWith('node_modules/') || useless.test(within) || isLicence(entry.name)) continue;
    const needless = wanted && within !== 'package.json' && !wanted.includes(`${place.slice(13)}/${within}`);
    if (!commands.includes(within) && !needless) tree.copy(full, `${to}/${within}`);
  }
}

async function system(build: Build, product: Product, tree: Tree): Promise<void> {
  const { root, version, epoch } = build;
  const unit = join(root, 'systemd', product.name);
  tree.copy(`${unit}.service`, `usr/lib/systemd/system/${product.name}.service`);
  tree.copy(`${unit}.sysusers`, `usr/lib/sysusers.d/${product.name}.conf`);
  tree.copy(`${unit}.tmpfiles`, `usr/lib/tmpfiles.d/${product.name}.conf`);
  for (const [from, to] of Object.entries(product.files)) tree.copy(join(root, from), to);
  const docs = `usr/share/doc/${product.name}`;
  tree.write(`${docs}/changelog.gz`, gzip(changelogText(root, product, version, epoch)));
  tree.write(`${docs}/CHANGELOG.md.gz`, gzip(readFileSync(join(root, 'CHANGELOG.md'), 'utf8')));
  await document(build, product, tree);
  tree.write(
    `usr/share/lintian/overrides/${product.name}`,
    `${scriptText('lintian-overrides', product)}${product.overrides.join('')}`,
  );
}

/** Manual page and completions. */
async function document({ version }: Build, product: Product, tree: Tree): Promise<void> {
  const program = await product.program();
  const page = manualPage(program, {
    version,
    summary: product.summary,
    description: product.description,
    files: [
      [product.configuration, 'What makes it configured: without it the unit does not start.'],
      [product.state, 'What it keeps.'],
      [`/usr/share/doc/${product.name}/README.md`, "The installer's guide."],
    ],
  });
  tree.write(`usr/share/man/man1/${product.name}.1.gz`, gzip(page));
  for (const shell of Object.keys(shells) as Shell[])
    tree.write(shells[shell](product.name), completionOf(shell, program));
}

/** Without time or name in its head; byte 9, the system it was made on, is always Unix. */
function gzip(text: string): Buffer {
  const bytes = gzipSync(text, { level: 9 });
  bytes[9] = 3;
  return bytes;
}

function maintain(product: Product, tree: Tree): void {
  for (const script of ['config', 'postinst', 'prerm', 'postrm'])
    tree.write(`DEBIAN/${script}`, scriptText(script, product), 0o755);
  tree.write('DEBIAN/templates', scriptText(`${product.name}.templates`, product));
}
