import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { inTown } from '../support/hub-case.ts';
import { serveHub } from '../support/hub-town.ts';
import { findProgram } from '../support/real-parts.ts';
import { suite } from '../support/suite.ts';

const test = suite('uploads over TLS, each node by its certificate', { timeoutMs: 60_000 });

function openssl(folder: string, ...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { cwd: folder });
  assert.is(status, 0, stderr.toString());
}

/** An authority and certificates in its name, the way a town would make them. */
function certificates(folder: string, names: string[]): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    folder,
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=Peio',
    '-days',
    '1',
  );
  for (const name of names) {
    openssl(folder, 'req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(join(folder, 'ext'), 'subjectAltName=IP:127.0.0.1\n');
    const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-days', '1', '-extfile', 'ext'];
    openssl(folder, 'x509', '-req', '-in', `${name}.csr`, ...signing, '-out', `${name}.crt`);
  }
}

function announce(
  url: string,
  tls: Record<string, Buffer>,
  id: string,
  bytes: number,
): Promise<number | string> {
  const metadata = `command ${btoa(id)},file ${btoa('manifest.dsse.json')}`;
  const headers = { 'tus-resumable': '1.0.0', 'upload-length': String(bytes), 'upload-metadata': metadata };
  return new Promise((resolve) => {
    const asked = request(url, { method: 'POST', headers, agent: false, ...tls }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? 'error'));
    asked.end();
  });
}

if (findProgram('openssl') === undefined)
  test.skip('a node delivers its own commands alone', 'openssl is not installed');
else
  test('a node delivers its own commands alone', () =>
    inTown(async (world) => {
      const { folder, town } = world;
      certificates(folder, [town.node, 'site-02', 'hub']);
      await world.hub.close();
      const file = join(town.hub, 'hub.yaml');
      const settings = parse(readFileSync(file, 'utf8'));
      const upload = {
        listen: '127.0.0.1:0',
        cert: join(folder, 'hub.crt'),
        key: join(folder, 'hub.key'),
        clientCa: join(folder, 'ca.crt'),
      };
      writeFileSync(file, stringify({ ...settings, upload }));
      world.hub = await serveHub(town.hub);
      assert.match(world.hub.upload, /^https:/);
      const id = await world.granted();
      await world.accept(id);
      const bytes = world.manifestOf(id).length;
      const as = (name: string) => ({
        ca: readFileSync(join(folder, 'ca.crt')),
        cert: readFileSync(join(folder, `${name}.crt`)),
        key: readFileSync(join(folder, `${name}.key`)),
      });
      assert.is(await announce(world.hub.upload, as(town.node), id, bytes), 201);
      assert.is(await announce(world.hub.upload, as('site-02'), id, bytes), 403);
      const nobody = await announce(
        world.hub.upload,
        { ca: readFileSync(join(folder, 'ca.crt')) },
        id,
        bytes,
      );
      assert.type(nobody, 'string', `answered ${nobody} to a connection without a certificate`);
    }));
