import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import * as assert from 'uvu/assert';
import { systemClock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { openHttpClient } from '#agent/platform/http-client.ts';
import { openUploads } from '#agent/upload/uploads.ts';
import { opensslProgram, pemOf, testAuthority } from '../support/certificates.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { quietLog } from '../support/log.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('upload over TLS', { timeoutMs: 240_000 });
const never = new AbortController().signal;

async function over(): Promise<void> {
  using folder = temporaryFolder();
  const authority = testAuthority(join(folder.path, 'ca'));
  const stranger = testAuthority(join(folder.path, 'other'));
  const ca = readFileSync(authority.ca, 'utf8');
  const hub = pemOf(authority.issue('hub', { addresses: ['127.0.0.1'] }));
  const tls = { ca, ...pemOf(authority.issue('site-09')) };
  const received = join(folder.path, 'hub');
  mkdirSync(received);
  const callers: string[] = [];
  const whole: Buffer[] = [];
  const tus = new Server({
    path: '/upload',
    datastore: new FileStore({ directory: received }),
    async onUploadFinish(_, upload) {
      whole.push(readFileSync(join(received, upload.id)));
      return {};
    },
  });
  const server = createServer({ ...hub, ca, requestCert: true }, (request, response) => {
    callers.push(String((request.socket as TLSSocket).getPeerCertificate().subject?.CN));
    void tus.handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const url = `https://127.0.0.1:${port}/upload`;
  const uploads = await openUploads({
    files: systemFiles,
    clock: systemClock,
    random: { bytes: randomBytes, fraction: () => 0 },
    log: quietLog,
    folder: join(folder.path, 'uploads'),
    url,
    limitBits: 1e9,
    tls,
  });
  const bytes = randomBytes(700_000);
  const command = '0196e6a0-0000-7000-8000-000000000001';
  await uploads.deliver(
    { command, items: [{ file: 'manifest.dsse.json', content: { bytes } }] },
    () => {},
    never,
  );
  assert.ok(whole[0]?.equals(bytes));
  assert.equal([...new Set(callers)], ['site-09']);
  uploads.close();

  // A hub that somebody else vouches for, or that has another name, gets nothing.
  const before = callers.length;
  const asking = (trust: object, at = url) => {
    const client = openHttpClient({ tls: { ...tls, ...trust }, stallMs: 5000, maxReplyBytes: 1000 });
    const asked = client.ask({ method: 'HEAD', url: at, headers: {}, signal: never });
    return codeThrown(() => asked.finally(() => client.close()));
  };
  assert.is(await asking({ ca: readFileSync(stranger.ca, 'utf8') }), 'http-broken');
  assert.is(await asking({}, `https://localhost:${port}/upload`), 'http-broken');
  assert.is(callers.length, before);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

if (opensslProgram === undefined)
  test.skip('to the hub that its authority vouches for', 'openssl is not installed');
else test('to the hub that its authority vouches for, as the node it is', over);
