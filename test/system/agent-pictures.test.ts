import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startSimulator } from '../simulator/simulator.ts';
import { startAgent } from '../support/agent-child.ts';
import { eventually } from '../support/eventually.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('a box judges what its cameras show', { timeoutMs: 240_000 });
const ffmpeg = findProgram('ffmpeg');
const walkers = join(import.meta.dirname, '..', 'fixtures', 'walkers.mp4');

if (ffmpeg === undefined) test.skip('frozen, mended, black', 'no ffmpeg');
else
  test('frozen, mended, black: one alert each, the other camera in order, and nothing of a picture is kept', async () => {
    using folder = temporaryFolder();
    const make = (name: string, ...how: string[]): string => {
      const file = join(folder.path, name);
      const coded = ['-c:v', 'libx264', '-g', '10', '-bf', '0', '-pix_fmt', 'yuv420p', file];
      assert.is(spawnSync(ffmpeg, ['-v', 'error', '-i', walkers, ...how, ...coded]).status, 0);
      return file;
    };
    // A group of pictures sent again and again, as by a camera whose encoder hangs; and a covered lens.
    const frozen = make('frozen.mp4', '-frames:v', '10');
    const black = make('black.mp4', '-vf', 'lutyuv=y=17:u=128:v=128,noise=alls=2:allf=t', '-frames:v', '60');
    const show = (file: string, port?: number) =>
      startSimulator({
        ...(port === undefined ? {} : { port }),
        cameras: [{ path: '/cam-1' }, { path: '/cam-2', file }],
      });
    let simulator = await show(frozen);
    const { port } = simulator;
    const town = await makeTown(folder.path, {
      cameras: ['cam-1', 'cam-2'].map((id) => ({ id, rtsp: simulator.url(`/${id}`) })),
      agent: { health: { interval: '5s', pictures: '2s' } },
    });
    const then = async (file: string): Promise<void> => {
      await simulator.close();
      simulator = await show(file, port);
    };
    try {
      await using agent = startAgent(town);
      const picture = async (id: string): Promise<string | undefined> =>
        (await agent.status())?.health.cameras?.find((camera) => camera.id === id)?.picture;
      const alerts = async (): Promise<string[]> =>
        ((await agent.status())?.alerts ?? [])
          .map(({ key }) => key)
          .filter((key) => key.startsWith('camera-p'));
      await eventually('frozen', async () => (await picture('cam-2')) === 'frozen', 60_000);
      await eventually('the other in order', async () => (await picture('cam-1')) === 'ok', 60_000);
      assert.equal(await alerts(), ['camera-picture-frozen.cam-2']);
      await then(walkers);
      await eventually('mended', async () => (await picture('cam-2')) === 'ok', 90_000);
      assert.equal(await alerts(), []);
      await then(black);
      await eventually('black', async () => (await picture('cam-2')) === 'black', 90_000);
      assert.equal(await alerts(), ['camera-picture-black.cam-2']);
      await eventually('the other in order again', async () => (await picture('cam-1')) === 'ok', 60_000);
      assert.is((await agent.stop()).code, 0);
    } finally {
      await simulator.close();
    }
    const kept = readdirSync(town.store, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.(?:gray|jpe?g|png|raw|mp4)$/.test(name),
    );
    assert.equal(kept, []);
    const words = readFileSync(join(town.store, 'alerts.json'), 'utf8');
    assert.ok(words.length < 2000, 'a word of what was seen, and no more');
  });
