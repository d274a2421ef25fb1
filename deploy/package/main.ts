// npm run package: the Debian packages of agent and hub, into dist/.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { exitCodeOf, Failure } from '#protocol/failure.ts';
import { buildPackage } from './build.ts';
import { must } from './npm.ts';
import { type Arch, products, runtimes } from './product.ts';

const usage = `npm run package -- [options]: Debian packages of peio-agent and peio-hub, and what is in them (CycloneDX).

  --arch amd64|arm64       both unless given; may be repeated
  --only peio-agent|peio-hub
  --out DIR                dist
  --version VERSION        that of package.json
  --level N                of xz, 0 (fast) to 9; 6 as Debian has it

Same checkout, same SOURCE_DATE_EPOCH (the last commit's time unless given), same dpkg: same bytes.
`;

const root = join(import.meta.dirname, '..', '..');

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', multiple: true },
      only: { type: 'string' },
      out: { type: 'string' },
      version: { type: 'string' },
      level: { type: 'string', default: '6' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return void process.stdout.write(usage);
  const wrong = (text: string): never => {
    throw new Failure('usage', 'usage', text);
  };
  const archs = (values.arch ?? Object.keys(runtimes)).map((name) =>
    Object.hasOwn(runtimes, name) ? (name as Arch) : wrong(`there is no package for ${name}`),
  );
  const wanted = products.filter(({ name }) => values.only === undefined || name === values.only);
  if (wanted.length === 0) wrong(`--only is ${products.map(({ name }) => name).join(' or ')}`);
  if (!/^[0-9]$/.test(values.level)) wrong('--level is 0 to 9');
  const version = values.version ?? JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  if (!/^[0-9][A-Za-z0-9.+~]*$/.test(version)) wrong('--version is no version of a Debian package');
  // Of a checkout of somebody else, too: nothing of its configuration is run for this.
  const commit = ['-c', `safe.directory=${root}`, 'log', '-1', '--format=%ct'];
  const given = process.env['SOURCE_DATE_EPOCH'] ?? (await must('git', commit, { cwd: root }));
  const epoch = Number(given);
  if (!Number.isSafeInteger(epoch) || epoch < 0) wrong('SOURCE_DATE_EPOCH is no number of seconds');
  const out = resolve(values.out ?? join(root, 'dist'));
  const work = mkdtempSync(join(tmpdir(), 'peio-package-'));
  try {
    for (const arch of archs)
      for (const product of wanted) {
        const files = await buildPackage(
          { root, out, work, version, epoch, level: Number(values.level) },
          product,
          arch,
        );
        for (const file of files) {
          const { size } = statSync(join(out, file));
          process.stdout.write(`${join(out, file)}  ${(size / 1e6).toFixed(1)} MB\n`);
        }
      }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  const parsing = (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  const text = error instanceof Failure || parsing ? (error as Error).message : (error as Error).stack;
  process.stderr.write(`${text}\n`);
  process.exitCode = parsing ? 64 : exitCodeOf(error);
}
