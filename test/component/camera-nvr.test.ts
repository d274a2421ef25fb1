import * as assert from 'uvu/assert';
import { openIngest } from '#agent/camera/open-ingest.ts';
import { systemParts } from '#agent/camera/system-parts.ts';
import { systemClock } from '#agent/platform/clock.ts';
import type { Net } from '#agent/platform/net.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { codeOf } from '#protocol/failure.ts';
import { keepingSink } from '../fixtures/camera/keep.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { eventually } from '../support/eventually.ts';
import { quietLog } from '../support/log.ts';
import { suite } from '../support/suite.ts';

const test = suite('many channels behind one address', { timeoutMs: 180_000 });
const channels = 16;
const slowMs = 600;

test('begin four at a time, and all record; one that fails keeps nobody out', async () => {
  await using simulator = await startSimulator({
    cameras: Array.from({ length: channels }, (_, i) => ({
      path: `/ch${i + 1}`,
      linkMbit: 0,
      fromStart: true,
    })),
  });
  simulator.camera('/ch1').refuse();
  const parts = systemParts(systemClock, systemRandom, quietLog, { readPaceMs: 40, ffmpeg: undefined });
  let begun = 0;
  let playing = 0;
  let most = 0;
  /** Sessions that connected and neither play nor ended yet; playing begins with the request, which is early. */
  const counting: Net = {
    async connect(target, receiver, signal) {
      begun += 1;
      most = Math.max(most, begun - playing);
      let settled = false;
      const settle = (): void => {
        if (!settled) playing += 1;
        settled = true;
      };
      const connection = await parts.net.connect(target, receiver, signal);
      return {
        ...connection,
        write(bytes) {
          if (String(bytes).startsWith('PLAY ')) settle();
          // A recorder that takes its time, so that they would pile up.
          if (String(bytes).startsWith('DESCRIBE ')) setTimeout(() => connection.write(bytes), slowMs);
          else connection.write(bytes);
        },
        close(how) {
          settle();
          connection.close(how);
        },
      };
    },
  };
  const stop = new AbortController();
  const began = performance.now();
  const sinks = Array.from({ length: channels }, () => keepingSink());
  const ends = sinks.map((sink, i) => {
    const url = simulator.url(`/ch${i + 1}`);
    const next = openIngest({ url, ingest: 'auto', transport: 'tcp' }, { ...parts, net: counting });
    return next()
      .run(sink, stop.signal)
      .then(() => 'stopped', codeOf);
  });
  await eventually(
    'all but one to play',
    () => simulator.paths.slice(1).every((path) => simulator.camera(path).counters().playing === 1),
    30_000,
  );
  const tookMs = performance.now() - began;
  await eventually(
    'a GOP of each',
    () => sinks.slice(1).every((sink) => (sink.files[0]?.fragments.length ?? 0) > 0),
    30_000,
  );
  stop.abort();
  assert.equal(await Promise.all(ends), [
    'stream-error',
    ...Array.from({ length: channels - 1 }, () => 'stopped'),
  ]);
  assert.is(most, 4);
  // Fifteen pauses of 100 ms at least.
  assert.ok(tookMs >= 1490, `${tookMs} ms`);
  process.stdout.write(
    `\n  measured: ${channels} channels play after ${(tookMs / 1000).toFixed(1)} s, ${most} at once at most\n`,
  );
});
