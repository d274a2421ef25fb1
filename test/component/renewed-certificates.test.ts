import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer as createHttps } from 'node:https';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import * as assert from 'uvu/assert';
import { renewCertificates } from '#agent/assembly/renewal.ts';
import type { Config } from '#agent/config/config.ts';
import { loadConfig } from '#agent/config/load.ts';
import { openConnection } from '#agent/mqtt/connection.ts';
import { systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { openHttpClient } from '#agent/platform/http-client.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { quietLog } from '../support/log.ts';
import { certificatesFor, type SomeCertificate } from '../support/some-certificate.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('certificates that are renewed while the agent runs');
const [server, first, second] = (await certificatesFor('broker', 'site-09', 'site-09')) as [
  SomeCertificate,
  SomeCertificate,
  SomeCertificate,
];
const numberOf = ({ cert }: Pick<SomeCertificate, 'cert'>): string => new X509Certificate(cert).serialNumber;
const shown = (socket: unknown): string => (socket as TLSSocket).getPeerCertificate().serialNumber;

interface Box {
  config: Config;
  tls: NonNullable<Config['mqtt']>['tls'];
  put(name: 'ca' | 'cert' | 'key', text: string): void;
}

/** A box whose configuration names certificates at `urls`. */
async function inBox(urls: { mqtt: string; upload: string }, body: (box: Box) => Promise<void>) {
  using folder = temporaryFolder();
  const town = await makeTown(folder.path, {
    cameras: [{ id: 'cam-1', rtsp: 'rtsp://127.0.0.1/' }],
    ...urls,
  });
  const box = join(town.hub, 'nodes', town.node);
  const files = { ca: 'ca.crt', cert: `${town.node}.crt`, key: `secrets/${town.node}.key` };
  const put: Box['put'] = (name, text) => writeFileSync(join(box, files[name]), text);
  for (const name of ['ca', 'cert', 'key'] as const) put(name, first[name]);
  const config = await loadConfig(town.config, { files: systemFiles, env: {} });
  assert.ok(config.mqtt);
  await body({ config, tls: config.mqtt.tls, put });
}

const nowhere = { mqtt: 'mqtts://127.0.0.1:1', upload: 'https://127.0.0.1:1/upload' };

test('what was renewed counts within a minute; what cannot be used is told once, and what was there before stays', () =>
  inBox(nowhere, async ({ config, tls, put }) => {
    const clock = fakeClock();
    const began = clock.utc();
    const said: string[] = [];
    const tell = (_: object, msg: string): void => void said.push(msg);
    const log = { ...quietLog, info: tell, warn: tell } as typeof quietLog;
    const ending = new AbortController();
    const renewing = renewCertificates({ clock, log, config, ending } as never);
    const times = (msg: string): number => said.filter((one) => one === msg).length;
    const complaint = 'certificates cannot be read again';
    /** Minutes go by until `seen`; files are read in a time that this clock does not know. */
    const minutesUntil = (what: string, seen: () => boolean): Promise<unknown> =>
      eventually(what, async () => {
        await clock.advance(60_000);
        return seen();
      });
    put('cert', second.cert);
    await minutesUntil('half of a renewal to be told, for both connections', () => times(complaint) === 2);
    assert.is(tls.cert, first.cert);
    put('key', second.key);
    await minutesUntil('the whole to be taken', () => times('certificates renewed') === 2);
    assert.equal([tls.cert, config.upload?.tls.key], [second.cert, second.key]);
    put('ca', 'garbage');
    await minutesUntil('that to be told', () => times(complaint) === 4);
    await minutesUntil('more minutes to go by', () => clock.utc() > began + 15 * 60_000);
    assert.is(times(complaint), 4, 'once');
    for (const text of ['garbage', '']) {
      put('ca', text);
      assert.is(await codeThrown(() => tls.renew()), 'tls');
      assert.equal([tls.ca, tls.cert], [second.ca, second.cert]);
    }
    ending.abort();
    await renewing;
  }));

test('the connection to the broker shows what stands in the files when it begins, and outlives what is no certificate', async () => {
  const seen: string[] = [];
  const broker = createServer({ ...server, requestCert: true }, (socket) => {
    socket.on('error', () => {});
    seen.push(shown(socket));
    socket.destroy();
  });
  await new Promise<void>((resolve) => broker.listen(0, '127.0.0.1', resolve));
  const { port } = broker.address() as { port: number };
  const url = `mqtts://127.0.0.1:${port}`;
  await inBox({ ...nowhere, mqtt: url }, async ({ tls, put }) => {
    const failures: unknown[] = [];
    const log = { ...quietLog, warn: (fields: object) => void failures.push(fields) } as typeof quietLog;
    const given = {
      ...{ url, clientId: 'site-09', clock: systemClock, random: systemRandom, log },
      will: () => ({ topic: 'a', payload: '', delaySeconds: 0 }),
    };
    const bus = openConnection({ ...given, tls });
    await eventually('a connection', () => seen.at(-1) === numberOf(first));
    put('cert', second.cert);
    put('key', second.key);
    assert.is(await tls.renew(), true);
    assert.is(await tls.renew(), false);
    await eventually('one with the new certificate', () => seen.at(-1) === numberOf(second));
    await bus.close();

    failures.length = 0;
    const broken = openConnection({ ...given, tls: { ...first, cert: 'no certificate' } });
    await eventually('two tries', () => failures.length > 1);
    await broken.close();
  });
  await new Promise((resolve) => broker.close(resolve));
});

test('so does the next connection of a delivery', async () => {
  const seen: string[] = [];
  const hub = createHttps({ ...server, requestCert: true }, (request, response) => {
    seen.push(shown(request.socket));
    response.end();
  });
  await new Promise<void>((resolve) => hub.listen(0, '127.0.0.1', resolve));
  const { port } = hub.address() as { port: number };
  const url = `https://127.0.0.1:${port}/upload`;
  await inBox({ ...nowhere, upload: url }, async ({ config, put }) => {
    const tls = config.upload?.tls;
    assert.ok(tls);
    const client = openHttpClient({ tls, stallMs: 10_000, maxReplyBytes: 1000 });
    const { signal } = new AbortController();
    const ask = () => client.ask({ method: 'HEAD', url, headers: {}, signal });
    await ask();
    put('cert', second.cert);
    put('key', second.key);
    await ask();
    await tls.renew();
    await ask();
    client.close();
    assert.equal(seen, [first, first, second].map(numberOf));
  });
  hub.closeAllConnections();
  await new Promise((resolve) => hub.close(resolve));
});
