import * as assert from 'uvu/assert';
import { type CameraOptions, startSimulator } from '../simulator/simulator.ts';
import { embeddedFfmpeg } from '../support/embedded-ffmpeg.ts';
import { eventually } from '../support/eventually.ts';
import { recordCamera } from '../support/record-camera.ts';
import { suite } from '../support/suite.ts';

const test = suite('rates of pictures and of bits, as cameras have them', { timeoutMs: 180_000 });
const fixture = (name: string): string => new URL(`../fixtures/${name}`, import.meta.url).pathname;
const rates: [title: string, samples: number, options: Partial<CameraOptions>][] = [
  ['5 pictures/s and 64 kbit/s', 41, { file: fixture('walkers-bframes.mp4'), frameRate: 5, mbit: 0.064 }],
  ['60 pictures/s and 16 Mbit/s', 241, { frameRate: 60, mbit: 16 }],
];

for (const ingest of ['auto', 'ffmpeg'] as const)
  for (const [title, samples, options] of rates)
    test(`${title}, ${ingest === 'auto' ? 'in process' : 'through ffmpeg'}: every byte, every time`, async () => {
      await using simulator = await startSimulator({
        cameras: [{ path: '/cam', fromStart: true, ...options }],
      });
      const camera = simulator.camera('/cam');
      const recording = recordCamera(
        { url: camera.url, ingest },
        { parts: { find: async () => embeddedFfmpeg } },
      );
      await eventually(`${samples} pictures`, () => recording.samples() >= samples, 45_000);
      assert.is(await recording.stop(), undefined);
      assert.is(recording.files.length, 1);
      assert.is(recording.stats().lostPackets, 0);
      const { frames, duration } = camera.clip;
      const got = recording.files[0]!.fragments.flatMap(({ read }) => read);
      for (const [i, sample] of got.entries()) {
        const frame = frames[i % frames.length]!;
        const loop = Math.floor(i / frames.length) * duration;
        assert.ok(Buffer.concat(sample.nals).equals(Buffer.concat(frame.nals)), `bytes of picture ${i}`);
        assert.is(sample.shown, frame.timestamp + loop - frames[0]!.timestamp, `time of picture ${i}`);
      }
      const seconds = got.at(-1)!.shown / 90_000;
      const bits = got.slice(0, -1).reduce((sum, { nals }) => sum + 8 * Buffer.concat(nals).length, 0);
      assert.ok(Math.abs(bits / seconds / (options.mbit! * 1e6) - 1) < 0.25, `${bits / seconds} bit/s`);
    });
