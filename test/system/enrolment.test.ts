import { createPrivateKey } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { localStatus } from '#agent/web/local.ts';
import { signCheckpoint } from '#protocol/checkpoint.ts';
import { topics } from '#protocol/topics.ts';
import { freePort } from '../../deploy/demo/free-port.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import { readTrusted } from '../../deploy/hub/trust.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { startAgent, startHub } from '../support/agent-child.ts';
import { authorityOf, commandsOf, editYaml } from '../support/enrolled-town.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';
import { call, noTownBroker, townBroker } from '../support/town-broker.ts';

const test = suite('a box gets its place, is stolen, and is replaced', { timeoutMs: 240_000 });
/** "Its certificate and its node key stop working everywhere within a minute." */
const minuteMs = 60_000;

/** The answer to the announcement of an upload, or the code of the error that ended it. */
function announce(url: string, tls: Record<string, Buffer>): Promise<number | string> {
  const metadata = `command ${btoa('019a0000-0000-7000-8000-000000000000')},file ${btoa('manifest.dsse.json')}`;
  const headers = { 'tus-resumable': '1.0.0', 'upload-length': '100', 'upload-metadata': metadata };
  return new Promise((resolve) => {
    const asked = request(url, { method: 'POST', headers, agent: false, ...tls }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? 'error'));
    asked.end();
  });
}

if (noTownBroker !== undefined) test.skip('enrolment over the real broker', noTownBroker);
else
  test('enrolment, theft and replacement over the real broker', async () => {
    using folder = temporaryFolder();
    await using opened = new AsyncDisposableStack();
    await using simulator = await startSimulator({
      cameras: [{ path: '/cam-1', user: 'rec', password: 'Paese-47', frameRate: 40 }],
    });
    const port = await freePort();
    const town = await makeTown(folder.path, {
      mqtt: 'mqtts://127.0.0.1:1',
      upload: `https://127.0.0.1:${port}/upload`,
      listen: `127.0.0.1:${port}`,
      cameras: [
        { id: 'cam-1', rtsp: simulator.camera('/cam-1').url, credentials: { user: 'not', password: 'this' } },
      ],
    });
    const { hub, agent, must, root } = commandsOf(town);
    await must(hub('ca', 'init'));
    const broker = await townBroker(join(folder.path, 'broker'), authorityOf(town.hub));
    opened.defer(() => broker.stop());
    editYaml(join(town.hub, 'hub.yaml'), [[['mqtt', 'url'], broker.url]]);
    editYaml(join(town.hub, 'nodes', town.node, 'agent.yaml'), [[['mqtt', 'url'], broker.url]]);

    // The bundle holds nothing secret, and what was configured stays.
    const stick = join(folder.path, 'stick');
    const bundle = await must(hub('provision', town.node, '--out', stick));
    assert.equal(readdirSync(bundle).sort(), [
      'agent.yaml',
      'bundle.json',
      'ca.crt',
      'policy.dsse.json',
      'root.pub',
    ]);
    const secret = /PRIVATE KEY|AGE-SECRET|Paese-47|not:this/;
    for (const name of readdirSync(bundle))
      assert.not.match(readFileSync(join(bundle, name), 'utf8'), secret);
    assert.match(readFileSync(join(bundle, 'agent.yaml'), 'utf8'), new RegExp(broker.url));

    const serving = await startHub(town);
    opened.defer(() => serving[Symbol.asyncDispose]());
    const passwords = join(folder.path, 'passwords');
    writeFileSync(passwords, `${town.node}/cam-1=rec:Paese-47\n`);

    const box = join(folder.path, 'box');
    const config = join(box, 'agent.yaml');
    const asked = join(stick, 'request.json');
    await must(agent('enrol', '--bundle', bundle, '--config', config, '--out', asked));
    assert.not.match(readFileSync(asked, 'utf8'), /PRIVATE/);
    const answers = ['--out', stick, ...root];
    const uncompared = await hub('enrol', asked, ...answers, '--secrets', passwords);
    assert.is(uncompared.code, 64, 'nobody compared the fingerprints');
    const without = await hub('enrol', asked, ...answers, '--yes');
    assert.is(without.code, 64, 'the password is missing');
    assert.is(readTrusted(town.hub).policy.version, 1, 'nothing was done');
    await must(hub('enrol', asked, ...answers, '--yes', '--secrets', passwords));
    const answer = join(stick, `${town.node}.answer.json`);
    assert.not.match(readFileSync(answer, 'utf8'), /Paese-47/);
    await must(agent('enrol', '--answer', answer, '--config', config));
    assert.is(readFileSync(join(box, 'secrets', 'cam-1'), 'utf8'), 'rec:Paese-47\n');
    for (const name of readdirSync(join(box, 'secrets')))
      assert.is(statSync(join(box, 'secrets', name)).mode & 0o777, 0o600, name);

    const client = openClient(town.hub);
    const nodeSight = async () => (await client.get('GET /status')).nodes.find(({ id }) => id === town.node);
    const first = startAgent({ config, socket: town.socket });
    opened.defer(() => first[Symbol.asyncDispose]());
    await first.recording();
    await eventually('the first cosigned head', async () => (await nodeSight())?.checkpointAt !== undefined);

    // Somebody takes the box; its disk is read, and all that is on it speaks in its name.
    const stolen = join(folder.path, 'stolen');
    cpSync(box, stolen, { recursive: true });
    const identity = {
      cert: join(stolen, `${town.node}.crt`),
      key: join(stolen, 'secrets', `${town.node}.key`),
    };
    const tls = {
      ca: readFileSync(join(stolen, 'ca.crt')),
      cert: readFileSync(identity.cert),
      key: readFileSync(identity.key),
    };
    const upload = `https://127.0.0.1:${port}/upload`;
    assert.is(await announce(upload, tls), 403, 'let in, though nothing is expected');
    await first[Symbol.asyncDispose]();
    const thief = await call(broker, join(stolen, 'ca.crt'), identity, { clientId: town.node });
    if (thief instanceof Error) throw thief;
    opened.defer(() => thief.close());
    assert.ok((await thief.subscribe(topics.cosignature(town.node))) < 128);

    const began = performance.now();
    const within = (what: string): void => {
      const ms = performance.now() - began;
      assert.ok(ms < minuteMs, `${what} after ${Math.round(ms)} ms`);
    };
    const brokerFiles = join(folder.path, 'broker', 'peio');
    const toBroker = ['--broker', brokerFiles, '--broker-restart', 'true'];
    const revoked = JSON.parse(await must(hub('revoke', town.node, ...root, ...toBroker, '--json')));
    assert.is(revoked.certificates, 1);

    // The hub, while the thief is still connected: a head that its key signed is no longer believed.
    const { policy, hash } = readTrusted(town.hub);
    const key = createPrivateKey(readFileSync(join(stolen, 'secrets', 'node-key')));
    const head = { size: 1, root: Buffer.alloc(32), policyVersion: policy.version, policyHash: hash };
    thief.heard.length = 0;
    assert.ok(await thief.publish(topics.checkpoint(town.node), signCheckpoint(town.node, head, key)));
    await eventually('the hub to refuse it', async () =>
      (await client.get('GET /status')).alerts.some(
        (alert) => alert.node === town.node && alert.key === 'checkpoint-refused',
      ),
    );
    assert.equal(thief.heard, [], 'no cosignature');
    within('the key counted');
    const refused = await announce(upload, tls);
    assert.type(refused, 'string', `an upload was answered ${refused}`);
    within('the certificate counted for uploads');

    // The broker: a reload keeps newcomers out, the restart that "hub revoke" asks for ends the connection.
    const gone = new Promise<void>((resolve) => void thief.client.once('close', () => resolve()));
    broker.reload();
    await eventually('the broker to read its list again', () => /reload/i.test(broker.said()));
    const late = await call(broker, join(stolen, 'ca.crt'), identity, { clientId: town.node });
    assert.instance(late, Error, 'the stolen certificate connected');
    await broker.stop();
    await broker.start();
    await gone;
    const again = await call(broker, join(stolen, 'ca.crt'), identity, { clientId: town.node });
    assert.instance(again, Error, 'the stolen certificate connected after the restart');
    within('the certificate counted for the broker');

    // With the keys of the stolen box nobody asks for its place again.
    const begged = join(stick, 'begged.json');
    await must(agent('enrol', '--config', join(stolen, 'agent.yaml'), '--out', begged));
    const back = await hub('enrol', begged, ...answers, '--yes', '--secrets', passwords);
    assert.is(back.code, 2, back.err);

    // Another box in its place: new keys, an empty disk, a log that begins.
    const other = join(folder.path, 'other');
    const newStore = join(folder.path, 'new-store');
    const newSocket = join(folder.path, 'new.sock');
    mkdirSync(other);
    cpSync(config, join(other, 'agent.yaml'));
    editYaml(join(other, 'agent.yaml'), [
      [['store', 'path'], newStore],
      [['socket'], newSocket],
    ]);
    const newConfig = join(other, 'agent.yaml');
    const newRequest = join(stick, 'new.json');
    const fresh = await must(hub('provision', town.node, '--out', join(folder.path, 'stick-2')));
    await must(agent('enrol', '--bundle', fresh, '--config', newConfig, '--out', newRequest));
    await must(hub('enrol', newRequest, ...answers, '--yes', '--secrets', passwords));
    await must(agent('enrol', '--answer', answer, '--config', newConfig));
    assert.ok(existsSync(join(town.hub, 'data', 'logs', 'archive')), 'the old log is kept aside');
    const before = (await nodeSight())?.checkpointAt ?? 0;
    const second = startAgent({ config: newConfig, socket: newSocket });
    opened.defer(() => second[Symbol.asyncDispose]());
    await second.recording();
    await eventually(
      'the new box to be cosigned',
      async () => ((await nodeSight())?.checkpointAt ?? 0) > before,
      30_000,
    );

    // Somebody checks the box while it works: the broker knows it by its certificate, and must not throw it out for that.
    const mqtt = async () =>
      localStatus.parse(JSON.parse(await must(agent('status', '--socket', newSocket, '--json')))).health.mqtt;
    const counted = await mqtt();
    const checked = JSON.parse((await agent('check', '--config', newConfig, '--json')).out);
    const [brokerCheck] = checked.findings.filter(({ check }: { check: string }) => check === 'broker');
    assert.is(brokerCheck.state, 'ok');
    assert.equal(await mqtt(), counted);
  });
