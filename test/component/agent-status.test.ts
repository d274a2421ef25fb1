import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { systemClock } from '#agent/platform/clock.ts';
import { listenHttp } from '#agent/platform/http.ts';
import { localAnswer } from '#agent/web/local.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { instantText } from '#protocol/time.ts';
import { runProgram, startProgram } from '../support/child-program.ts';
import { eventually } from '../support/eventually.ts';
import { type SimulatedSite, simulatedSite } from '../support/simulated-site.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('agent status', { timeoutMs: 180_000 });

/** An agent's socket with nothing behind it but what it tells. */
async function answering(folder: string): Promise<{ socket: string; site: SimulatedSite } & AsyncDisposable> {
  const site = simulatedSite(3, systemClock.utc());
  const socket = join(folder, 'agent.sock');
  const refuse = async (): Promise<never> => {
    throw new Failure('denied', 'busy', 'nothing is applied here');
  };
  const failed = (error: unknown): never => {
    throw error;
  };
  const answer = localAnswer(site, systemClock, refuse);
  const listening = await listenHttp({ socket }, answer, { maxBodyBytes: 1024, failed });
  return { socket, site, [Symbol.asyncDispose]: () => listening.close() };
}

test('one sentence, then worst first, every camera with its week of blocks', async () => {
  using folder = temporaryFolder();
  await using agent = await answering(folder.path);
  const { code, out, err } = await runProgram('agent/main.ts', ['status', '--socket', agent.socket]);
  assert.is(code, 0, err);
  const lines = out.split('\n');
  assert.is(
    lines[0],
    'Parcheggio scuola zona sud/ovest (cam-2): la telecamera non risponde: controllare alimentazione e cavo di rete, da 18 h. Un altro avviso.',
  );
  const cameras = lines.filter((line) => /\(cam-\d\) {2}/.test(line));
  assert.match(cameras[0] ?? '', /^▲ .*\(cam-2\) {2}non registra da 18 h, nessuna risposta dalla telecamera/);
  assert.match(cameras[1] ?? '', /^● .*\(cam-1\) {2}registra da 3 g, 3,9 Mbit\/s, 25 fps, h264 2560×1440/);
  const strips = lines.filter((line) => /^[█▆▄▁· ]{84}$/.test(line) && line.trim() !== '');
  assert.is(strips.length, 3);
  assert.match(strips[0] ?? '', /[█▆]▁{9}$/);
  assert.not.match(out, '\u001b');
});

test('a socket in a folder that nobody made yet', async () => {
  using folder = temporaryFolder();
  await using agent = await answering(join(folder.path, 'run', 'peio-agent'));
  assert.is((await runProgram('agent/main.ts', ['status', '--socket', agent.socket])).code, 0);
  // One that cannot be made is a listener that cannot listen.
  writeFileSync(join(folder.path, 'file'), '');
  const nowhere = answering(join(folder.path, 'file', 'run'));
  assert.is(codeOf(await nowhere.catch((error: unknown) => error)), 'listen-failed');
});

test('a camera that stood still before the program started does so since then, not since its start', async () => {
  using folder = temporaryFolder();
  await using agent = await answering(folder.path);
  const still = agent.site.now.health.cameras?.find(({ id }) => id === 'cam-2');
  assert.ok(still);
  still.since = instantText(systemClock.utc() - 40_000);
  const { out } = await runProgram('agent/main.ts', ['status', '--socket', agent.socket]);
  assert.match(out, /\(cam-2\) {2}non registra da 18 h,/);
  assert.match(out, /\(cam-1\) {2}registra da 3 g,/);
});

test('what cannot be told is named, with how often', async () => {
  using folder = temporaryFolder();
  await using agent = await answering(folder.path);
  const condition = (key: string, name: string, state: 'ok' | 'failing' | 'unknown') => ({
    ...{ key, name, state, raised: false, flapping: false, severity: 'warning' as const },
    lastChange: '2026-01-15T11:00:00.000Z',
  });
  const look = async (): Promise<string> =>
    (await runProgram('agent/main.ts', ['status', '--socket', agent.socket])).out.trim().split('\n').at(-1) ??
    '';
  assert.not.match(await look(), /^controlli/, 'an agent of before says nothing of them');
  agent.site.now.conditions = [
    condition('camera-down.cam-1', 'telecamera ferma', 'ok'),
    condition('camera-clock.cam-1', 'orologio della telecamera sbagliato', 'unknown'),
    condition('camera-clock.cam-2', 'orologio della telecamera sbagliato', 'unknown'),
    condition('disk-dying.store', 'disco in avaria', 'unknown'),
  ];
  assert.is(
    await look(),
    'controlli: 4; non verificabili: orologio della telecamera sbagliato (2), disco in avaria',
  );
  agent.site.now.conditions = [condition('camera-down.cam-1', 'telecamera ferma', 'ok')];
  assert.is(await look(), 'controlli: 1');
});

test('--watch says what changes, and waits for an agent that is away', async () => {
  using folder = temporaryFolder();
  let agent = await answering(folder.path);
  await using watching = startProgram('agent/main.ts', ['status', '--watch', '--socket', agent.socket]);
  await eventually('the first look', () => watching.out().includes('Un altro avviso.'));
  agent.site.now.alerts = [];
  agent.site.now.health.cameras = agent.site.now.health.cameras?.map((camera) => ({
    ...camera,
    state: 'recording' as const,
  }));
  await eventually('the change', () => watching.out().includes('Tutto regolare: 3 telecamere registrano.'));
  await agent[Symbol.asyncDispose]();
  await eventually('that it is away', () => watching.out().includes('nobody answers'));
  const before = watching.out().length;
  agent = await answering(folder.path);
  await eventually('its return', () => watching.out().slice(before).includes('Un altro avviso.'));
  await agent[Symbol.asyncDispose]();
});

test('--watch and --json do not go together', async () => {
  const { code } = await runProgram('agent/main.ts', ['status', '--watch', '--json', '--socket', '/nowhere']);
  assert.is(code, 64);
});
