// npm start: one site with two simulated cameras, broker and town hall on this computer. See site.ts for what runs.
import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { codeOf, exitCodeOf, Failure, sentenceOf } from '#protocol/failure.ts';
import { narrate } from './narrate.ts';
import { openSite, type RealCamera } from './site.ts';
import { tour } from './tour.ts';

const usage = `Usage: npm start [-- OPTIONS]

  (nothing)             record two simulated cameras, with broker and town hall, until Ctrl-C
  --camera rtsp://…     record a camera of your own instead
  --credentials FILE    its user:password, in one line (else asked for)
  --dir DIR             folder for everything (.demo in the checkout)
  --fresh               begin with an empty folder
  --once                the scripted tour: every step shown, tried and timed; exit 0 when all held
`;

const root = join(import.meta.dirname, '..', '..');

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        camera: { type: 'string' },
        credentials: { type: 'string' },
        dir: { type: 'string' },
        fresh: { type: 'boolean', default: false },
        once: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    throw wrong(`${sentenceOf(error)}\n\n${usage}`);
  }
}

/** A camera's address without its password, and the password from file, address or keyboard. Throws `usage`. */
async function readCamera(address: string, credentialsFile: string | undefined): Promise<RealCamera> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^rtsps?:$/.test(url.protocol) || url.hostname === '')
    throw wrong('the address of a camera is rtsp://host/path');
  const inAddress = [url.username, url.password].map(decoded);
  url.username = '';
  url.password = '';
  const rtsp = url.toString();
  const [user = '', password = ''] = inAddress;
  if (user !== '') {
    process.stderr.write(
      'Warning: a password in an address stays in the shell history. Use --credentials FILE, or leave it out and be asked.\n',
    );
    return { rtsp, credentials: { user, password } };
  }
  if (credentialsFile !== undefined) return { rtsp, credentials: readCredentials(credentialsFile) };
  if (!process.stdin.isTTY) return { rtsp, credentials: undefined };
  const ask = createInterface({ input: process.stdin, output: process.stdout });
  const name = await ask.question('User of the camera (empty for none): ');
  const secret = name === '' ? '' : await askHidden(ask, 'Password: ');
  ask.close();
  return { rtsp, credentials: name === '' ? undefined : { user: name, password: secret } };
}

function wrong(sentence: string): Failure {
  return new Failure('usage', 'usage', sentence);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Not repeated: it may be most of a password.
    throw wrong('in an address a % is written %25');
  }
}

function readCredentials(file: string): { user: string; password: string } {
  let line: string;
  try {
    line = readFileSync(file, 'utf8').trimEnd();
  } catch (error) {
    throw wrong(`${file} cannot be read (${codeOf(error)})`);
  }
  const colon = line.indexOf(':');
  if (colon < 1 || line.includes('\n')) throw wrong(`${file}: one line user:password is wanted`);
  return { user: line.slice(0, colon), password: line.slice(colon + 1) };
}

/** Asks without showing what is typed. */
async function askHidden(ask: ReturnType<typeof createInterface>, question: string): Promise<string> {
  process.stdout.write(question);
  const shown = process.stdout.write;
  process.stdout.write = () => true;
  try {
    return await ask.question('');
  } finally {
    process.stdout.write = shown;
    process.stdout.write('\n');
  }
}

/** A path as a person would type it here: short where it can be, quoted where it must be. */
function asTyped(path: string): string {
  const short = relative(process.cwd(), path);
  const typed = short.startsWith('..') || short === '' ? path : short;
  return /^[\w./@+-]+$/.test(typed) ? typed : `'${typed.replaceAll("'", "'\\''")}'`;
}

async function main(): Promise<number> {
  const values = readArguments();
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const dir = resolve(values.dir ?? join(root, values.once ? '.demo/tour' : '.demo/site'));
  if (values.credentials !== undefined && values.camera === undefined)
    throw wrong('--credentials are for a camera of your own: give its --camera too');
  if (values.once) {
    if (values.camera !== undefined)
      throw wrong('the tour unplugs its cameras: it runs on simulated ones only');
    return await tour(dir);
  }
  const camera =
    values.camera === undefined ? undefined : await readCamera(values.camera, values.credentials);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  process.stdout.write('Starting broker, cameras, town hall and agent …\n');
  const site = await openSite({ dir, camera, fresh: values.fresh, uploadLimit: '20Mbit' });
  try {
    await narrate(site, asTyped, stop.signal);
  } finally {
    process.stdout.write('\nStopping …\n');
    await site.close();
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(
    `${error instanceof Failure ? error.message : String((error as Error)?.stack ?? error)}\n`,
  );
  process.exitCode = error instanceof Failure ? exitCodeOf(error) : 1;
}
