import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startSimulator } from '../simulator/simulator.ts';
import { startAgent, startHub } from '../support/agent-child.ts';
import { watchAlarms } from '../support/alarm-watch.ts';
import { embeddedBroker, mosquittoBroker, mosquittoProgram } from '../support/brokers.ts';
import { eventually } from '../support/eventually.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';
import { tapWire } from '../support/wire-tap.ts';

const test = suite('fault table: pictures', { timeoutMs: 240_000 });
const title =
  'a picture that is black, frozen, covered, moved, dazzled: one alarm each, over when it is put right';
const ffmpeg = findProgram('ffmpeg');
const footage = join(import.meta.dirname, '..', 'fixtures', 'walkers.mp4');
const noise = 'noise=alls=3:allf=t';

/** What a camera would send, derived from real footage; 27 s, so that no two pictures in a row are at one place. */
const views = {
  usual: noise,
  black: 'lutyuv=y=17:u=128:v=128',
  frozen: "select='eq(n,2)',loop=loop=-1:size=1,setpts=N/10/TB",
  covered: `lutyuv=y=105:u=124:v=130,vignette=PI/5,${noise}`,
  moved: `crop=600:450:160:60,scale=768:576,${noise}`,
  dazzled: `lutyuv=y='clip(val*0.6+190,16,250)',${noise}`,
};
type View = keyof typeof views;

function derive(folder: string, view: View): string {
  const file = join(folder, `${view}.mp4`);
  const encoder = ['-c:v', 'libx264', '-preset', 'ultrafast', '-qp', '26', '-g', '10', '-bf', '0'];
  const { status, stderr } = spawnSync(
    ffmpeg as string,
    [
      ...[
        '-hide_banner',
        '-loglevel',
        'error',
        '-y',
        '-i',
        footage,
        '-vf',
        views[view],
        '-t',
        '27',
        '-r',
        '10',
      ],
      ...[...encoder, '-pix_fmt', 'yuv420p', '-an', file],
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`ffmpeg: ${stderr}`);
  return file;
}

if (ffmpeg === undefined) test.skip(title, 'ffmpeg is not installed');
else
  test(title, async () => {
    using folder = temporaryFolder();
    await using opened = new AsyncDisposableStack();
    const broker = mosquittoProgram ? await mosquittoBroker(folder.path) : await embeddedBroker();
    opened.defer(() => broker.close());
    const clips = Object.fromEntries(
      (Object.keys(views) as View[]).map((view) => [view, derive(folder.path, view)]),
    ) as Record<View, string>;
    const ids = ['black', 'frozen', 'covered', 'moved', 'dazzled', 'good'] as const;
    await using simulator = await startSimulator({
      cameras: ids.map((id, index) => ({ path: `/${id}`, file: clips.usual, startAtSeconds: index * 4 })),
    });
    const town = await makeTown(folder.path, {
      mqtt: broker.url,
      cameras: ids.map((id) => ({ id, rtsp: simulator.url(`/${id}`) })),
      // One a minute at a site.
      agent: { health: { interval: '5s', pictures: '5s' } },
    });
    await using hub = await startHub(town);
    await using tap = await tapWire(broker.url);
    const watch = watchAlarms(tap);
    await using agent = startAgent(town);
    await agent.recording(ids, 60_000);
    await eventually(
      'every view to be known',
      async () => (await agent.status())?.health.cameras?.every(({ picture }) => picture === 'ok'),
      90_000,
    );
    const fault = (
      id: Exclude<(typeof ids)[number], 'good'>,
      cause: string,
      condition: string,
      says: string,
    ) =>
      watch.fault({
        cause,
        alarm: `${town.node}.camera-picture-${condition}.${id}`,
        says,
        inject: () => simulator.camera(`/${id}`).show(clips[id]),
        limitMs: 60_000,
        clearedBy: 'its being put right',
        mend: () => simulator.camera(`/${id}`).show(clips.usual),
      });
    await Promise.all([
      fault('black', 'lens cap', 'black', 'nera'),
      fault('frozen', 'camera sends one picture again and again', 'frozen', 'bloccata'),
      fault('covered', 'a cloth over the camera', 'blurred', 'copert'),
      fault('moved', 'camera pushed aside', 'moved', ''),
      fault('dazzled', 'exposure at its end', 'blinded', 'sovraesposta'),
    ]);
    watch.print();
    assert.equal(watch.others(), []);
    assert.equal(await agent.stop(), { code: 0, signal: null });
    assert.equal(await hub.stop(), { code: 0, signal: null });
  });
