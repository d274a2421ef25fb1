import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startSimulator } from '../simulator/simulator.ts';
import {
  type AgentChild,
  type LedgerLine,
  ledgerOf,
  segmentPath,
  startAgent,
  verifyTown,
} from '../support/agent-child.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { picturesMs } from '../support/torn-content.ts';
import { makeTown, type Town } from '../support/town.ts';

const crashes = Number(process.env['PEIO_CRASHES'] ?? 10);
const test = suite('agent, killed while it records', { timeoutMs: 120_000 + crashes * 20_000 });
const cameras = ['cam-1', 'cam-2'];
/** 20 pictures of the clip from keyframe to keyframe. */
const frameRate = 60;
const gopMs = (20 * 1000) / frameRate;
const mbit = 4;
const chunkMs = (65_536 * 8) / (mbit * 1000);
/** What a kill may cost beside a GOP: the longer of a second, as data is synced, and the time of a chunk. */
const lossMs = Math.max(1000, chunkMs);

/** Records until both cameras have been seen to, and a moment that nobody chose; gives when it was killed. */
async function liveAndDie(town: Town): Promise<number> {
  await using agent: AgentChild = startAgent(town);
  await agent.recording(cameras);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 900));
  agent.signal('SIGKILL');
  const killedAt = Date.now();
  const { signal } = await agent.exit;
  assert.is(signal, 'SIGKILL', agent.err());
  return killedAt;
}

test(`${crashes} kills: nothing sealed is lost, the open segment loses a GOP and a chunk, one gap each`, async () => {
  using folder = temporaryFolder();
  await using simulator = await startSimulator({
    cameras: cameras.map((id, index) => ({ path: `/${id}`, mbit, frameRate, startAtSeconds: index * 3.1 })),
  });
  const town = await makeTown(folder.path, {
    segment: '1s',
    cameras: cameras.map((id) => ({ id, rtsp: simulator.url(`/${id}`) })),
  });
  const identity = readFileSync(join(town.hub, 'identities', 'officer.age'), 'utf8')
    .split('\n')
    .find((line) => line.startsWith('AGE-SECRET-KEY-')) as string;

  const kills: number[] = [];
  const sealed = new Map(cameras.map((id) => [id, new Map<string, LedgerLine>()]));
  for (let i = 0; i < crashes; i++) {
    kills.push(await liveAndDie(town));
    for (const camera of cameras)
      for (const line of ledgerOf(town, camera))
        if (line.kind === 'segment') sealed.get(camera)?.set(line.file as string, line);
    // As the kill left it, and while the next life puts it right.
    if (i % 3 === 0) {
      const { code, findings } = await verifyTown(town);
      assert.is(code, 0, JSON.stringify(findings));
    }
  }
  await using last = startAgent(town);
  await last.recording(cameras);
  const tasks = `/proc/${last.pid}/task`;
  const threads = readdirSync(tasks).map((task) => readFileSync(join(tasks, task, 'comm'), 'utf8').trim());
  const diskThreads = threads.filter((name) => name === 'libuv-worker').length;
  assert.ok(
    diskThreads >= 2 * 14,
    `${diskThreads}: a disk slow to sync keeps writes in memory, where a kill takes them`,
  );
  assert.equal(await last.stop(), { code: 0, signal: null });
  const verified = await verifyTown(town);
  assert.is(verified.code, 0);
  assert.equal(verified.findings, []);

  const lost: number[] = [];
  const claimed: number[] = [];
  for (const camera of cameras) {
    const lines = ledgerOf(town, camera);
    const segments = lines.filter(({ kind }) => kind === 'segment');
    for (const [file, before] of sealed.get(camera) ?? [])
      assert.equal(
        segments.find((line) => line.file === file),
        before,
      );
    for (const line of segments) {
      const bytes = readFileSync(segmentPath(town, camera, line));
      assert.is(createHash('sha256').update(bytes).digest('hex'), line.sha256);
    }
    for (const [index, line] of lines.slice(1).entries())
      assert.is(line.start, lines[index]?.end, `${camera}: ${JSON.stringify([lines[index], line])}`);
    const crashed = lines.filter(({ reason }) => reason === 'agent-crashed');
    const absences = kills.map((killedAt) =>
      crashed.filter(({ start, end }) => start <= killedAt && killedAt < end),
    );
    assert.equal(
      absences.map(({ length }) => length),
      kills.map(() => 1),
      `${camera}: ${JSON.stringify(crashed)}, ${kills}`,
    );
    // What a kill in the middle of sealing took from behind the last chunk of a segment, when the next was begun.
    for (const gap of crashed)
      if (!absences.some(([absence]) => absence === gap)) assert.ok(gap.end - gap.start <= lossMs, camera);
    for (const [index, killedAt] of kills.entries()) {
      const gap = absences[index]?.[0] as LedgerLine;
      const before = lines.findLast(({ end }) => end <= gap.start) as LedgerLine;
      // A life that was killed before its first chunk was on disk lost all it saw: its gap begins where the one of the
      // absence before it ends.
      if (before.kind === 'gap') lost.push(killedAt - before.end);
      else {
        const shown = before.start + (await picturesMs(segmentPath(town, camera, before), identity));
        lost.push(killedAt - shown);
        claimed.push(before.end - shown);
      }
    }
    // The first of all is the wait for the camera; every other interruption was a kill or the stop.
    assert.equal(
      [...new Set(lines.filter(({ kind }) => kind === 'gap').map(({ reason }) => reason))].filter(
        (reason) => reason !== 'no-connection' && reason !== 'agent-stopped',
      ),
      ['agent-crashed'],
    );
  }
  process.stdout.write(
    `\n  measured: lost at a kill: ${Math.round(Math.max(...lost))} ms at most (a GOP has ${Math.round(gopMs)} ms, 64 KiB ${Math.round(chunkMs)} ms); ` +
      `ledger beyond the pictures: ${Math.round(Math.min(...claimed))} to ${Math.round(Math.max(...claimed))} ms\n`,
  );
  assert.ok(Math.max(...lost) <= gopMs + lossMs, `${lost.map(Math.round)}`);
});
