import { createPrivateKey, randomUUIDv7 } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { instantText } from '#protocol/time.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { startAgent } from '../support/agent-child.ts';
import { closeBrowser, look, noBrowser, openBrowser } from '../support/browser.ts';
import { runProgram } from '../support/child-program.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown, type Town } from '../support/town.ts';

const test = suite('the page of a running agent', { timeoutMs: 240_000 });

/** An extraction as it would come on a stick, signed by both. */
function extraction(town: Town, from: number, to: number): { id: string; text: string } {
  const key = (name: string) => createPrivateKey(readFileSync(join(town.hub, 'keys', `${name}.key`)));
  const id = randomUUIDv7();
  const now = Date.now();
  const payload = {
    id,
    type: 'extract',
    node: town.node,
    issuedAt: instantText(now),
    expiresAt: instantText(now + 3_600_000),
    policyVersion: 1,
    operator: publicKeyOf(key('operator')).id,
    officer: publicKeyOf(key('officer')).id,
    camera: 'cam-1',
    from: instantText(from),
    to: instantText(to),
    purpose: 'judicial-police',
    request: { protocol: '4711/2026', date: '2026-11-22', recordHash: 'ab'.repeat(32) },
  };
  const bytes = Buffer.from(JSON.stringify(payload));
  return { id, text: signEnvelope(payloadTypes.command, bytes, [key('operator'), key('officer')]) };
}

if (noBrowser) test.skip('everything', noBrowser);
else {
  test.before(openBrowser);
  test.after(closeBrowser);

  test('shows what is recorded and what stops, and nothing of an extraction', async () => {
    using folder = temporaryFolder();
    await using simulator = await startSimulator({ cameras: [{ path: '/cam-1' }, { path: '/cam-2' }] });
    const town = await makeTown(folder.path, {
      cameras: ['cam-1', 'cam-2'].map((id) => ({ id, rtsp: simulator.url(`/${id}`) })),
      agent: { web: { listen: '127.0.0.1:0' } },
    });
    await using agent = startAgent(town);
    await agent.recording();
    const port = await eventually(
      'the page',
      () => /"port":(\d+)[^\n]*the page is there/.exec(agent.err())?.[1],
    );
    const origin = `http://127.0.0.1:${port}`;
    await using window = await look(origin);
    const { page } = window;
    await page.goto(origin);
    await eventually('two cameras that record', async () =>
      (await window.text('h1')).startsWith('Tutto regolare: 2 telecamere registrano.'),
    );
    assert.match(await window.text('#camera-cam-1'), 'Telecamera cam-1');
    await eventually('a bitrate', async () =>
      /bitrate[\d,]+ [kM]bit\/s/.test(await window.text('#camera-cam-1')),
    );
    // The camera is new, and had to be reached first.
    assert.match(
      await window.text('#strip-cam-1 .readout'),
      /^\d+(?:,\d)? % registrato, 1 interruzione, 1?\d s$/,
    );

    const asked = extraction(town, Date.now() - 3000, Date.now() - 1000);
    const file = join(folder.path, 'command.json');
    writeFileSync(file, asked.text);
    const out = join(folder.path, 'stick');
    const done = await runProgram('agent/main.ts', ['apply', file, '--config', town.config, '--out', out]);
    assert.is(done.code, 0, done.err);
    await simulator.camera('/cam-2').unplug();
    await page.locator('#alert-camera-down\\.cam-2').waitFor({ timeout: 30_000 });
    assert.match(await window.text('h1'), /^Telecamera cam-2 \(cam-2\): /);
    assert.match(await window.text('#camera-cam-2'), /guasto, non registra da \d+ s/);
    // Two interruptions, as one notch where they lie close to each other.
    const titles = page.locator('#strip-cam-2 .notch title');
    await eventually('the end of the strip to say why', async () => {
      const said = await titles.allTextContents();
      return said.length === 2 || /^2 interruzioni, .*\((?:no-data|no-connection)\)/.test(said[0] ?? '');
    });

    const seen = [await page.content()];
    for (const path of ['/', '/?lang=en', '/metrics', '/healthz'])
      seen.push(await (await fetch(`${origin}${path}`)).text());
    for (const text of seen)
      for (const secret of [
        asked.id,
        'judicial',
        '4711/2026',
        'abababab',
        'extract',
        'estrazion',
        'reserv',
        'hold',
      ])
        assert.not.match(text.replaceAll('threshold', ''), secret);
    assert.equal(window.troubles, []);
  });
}
