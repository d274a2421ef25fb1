import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { opensslProgram, testAuthority } from '../support/certificates.ts';
import { inTown } from '../support/hub-case.ts';
import { serveHub } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';

const test = suite('uploads over TLS, each node by its certificate', { timeoutMs: 240_000 });

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

if (opensslProgram === undefined)
  test.skip('a node delivers its own commands alone', 'openssl is not installed');
else
  test('a node delivers its own commands alone', () =>
    inTown(async (world) => {
      const { folder, town } = world;
      const authority = testAuthority(join(folder, 'ca'));
      const hub = authority.issue('hub', { addresses: ['127.0.0.1'] });
      await world.hub.close();
      const file = join(town.hub, 'hub.yaml');
      const settings = parse(readFileSync(file, 'utf8'));
      const upload = {
        listen: '127.0.0.1:0',
        ...hub,
        clientCa: authority.ca,
      };
      writeFileSync(file, stringify({ ...settings, upload }));
      world.hub = await serveHub(town.hub);
      assert.match(world.hub.upload, /^https:/);
      const id = await world.granted();
      await world.accept(id);
      const bytes = world.manifestOf(id).length;
      const ca = readFileSync(authority.ca);
      const as = (name: string) => {
        const { cert, key } = authority.issue(name);
        return { ca, cert: readFileSync(cert), key: readFileSync(key) };
      };
      assert.is(await announce(world.hub.upload, as(town.node), id, bytes), 201);
      assert.is(await announce(world.hub.upload, as('site-02'), id, bytes), 403);
      const nobody = await announce(world.hub.upload, { ca }, id, bytes);
      assert.type(nobody, 'string', `answered ${nobody} to a connection without a certificate`);
    }));
