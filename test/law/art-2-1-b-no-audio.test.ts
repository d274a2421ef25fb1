// Art. 2 c. 1 b and annex A ("ripresa audio: NO"): video and stills only. A camera that offers audio beside its video.
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { openSealed } from '#protocol/seal/seal.ts';
import { boxesIn, only } from '../../deploy/hub/viewing/boxes.ts';
import { readIdentity } from '../../deploy/hub/viewing/identity.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { ledgerOf, segmentPath, startAgent } from '../support/agent-child.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('Art. 2 c. 1 b: no audio', { timeoutMs: 180_000 });

test('of a camera that offers audio its video alone is asked for and kept', async () => {
  using folder = temporaryFolder();
  await using simulator = await startSimulator({ cameras: [{ path: '/cam', audio: true }] });
  const camera = simulator.camera('/cam');
  const town = await makeTown(folder.path, { cameras: [{ id: 'cam-1', rtsp: camera.url }] });
  await using agent = startAgent(town);
  await agent.recording(undefined, 60_000);
  const line = await eventually(
    'a sealed segment',
    () => ledgerOf(town, 'cam-1').find(({ kind }) => kind === 'segment'),
    60_000,
  );
  assert.is(camera.counters().audioSetUps, 0);
  const { secret } = await readIdentity(`${town.hub}/identities/officer.age`, async () => '');
  const sealed = readFileSync(segmentPath(town, 'cam-1', line));
  const opened = await openSealed(
    { identities: [secret] },
    (async function* () {
      yield sealed;
    })(),
  );
  const clear: Buffer[] = [];
  for await (const chunk of opened.chunks()) clear.push(Buffer.from(chunk));
  const moov = only(Buffer.concat(clear), 'moov').body;
  const tracks = [...boxesIn(moov)].filter(({ type }) => type === 'trak');
  assert.is(tracks.length, 1);
  const handler = only(only(tracks[0]?.body ?? Buffer.alloc(0), 'mdia').body, 'hdlr').body;
  assert.is(handler.toString('latin1', 8, 12), 'vide');
});
