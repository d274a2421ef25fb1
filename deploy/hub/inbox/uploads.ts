import {
  createServer as createHttp,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttps, type Server as HttpsServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { MemoryLocker, Server } from '@tus/server';
import type { Log } from '#agent/platform/log.ts';
import { Failure, sentenceOf } from '#protocol/failure.ts';
import type { Disk } from '../server/disk.ts';
import { readNamed, type Settings } from '../settings.ts';
import type { Inbox } from './inbox.ts';
import { InboxStore } from './store.ts';

/** A stalled radio link comes back within this; a dead one is dropped. tus resumes either way. */
const idleMs = 120_000;
/** Nineteen nodes, a few connections each. */
const maxConnections = 200;
const uploadPath = '/upload';

/** What a node is answered when it is not the same for all: a refusal is 403, which it does not repeat. */
const httpStatus: Record<string, number> = {
  // Makes the client announce the file anew.
  'unknown-upload': 404,
  'other-size': 400,
  malformed: 400,
  'too-large': 413,
  'manifest-first': 412,
  // As the checksum extension has it: send the file again from its beginning.
  'hash-mismatch': 460,
  'disk-full': 507,
  // It passes, or somebody looks at the disk: the node tries on.
  'disk-error': 503,
};

export interface Uploads {
  /** `http://host:port/upload`, with the port that was given by the system when 0 was asked for. */
  url: string;
  /**
   * Reads certificate, key, authority and list of revoked certificates again; when the list is another, ends every
   * connection: who is still allowed comes back and resumes. Files that cannot be read leave what was.
   */
  reload(): void;
  close(): Promise<void>;
}

/** tus 1.0 at `/upload`: creation, HEAD and PATCH; nothing can be read back or removed. */
export async function listenUploads(options: {
  settings: Settings;
  folder: string;
  inbox: Inbox;
  disk: Pick<Disk, 'refused' | 'requireWilling'>;
  log: Log;
  broken(error: unknown): void;
}): Promise<Uploads> {
  const { settings, inbox, disk, log } = options;
  const secure = settings.upload.clientCa !== undefined;
  const tus = new Server({
    path: uploadPath,
    datastore: new InboxStore(options.folder, inbox),
    locker: new MemoryLocker(),
    allowedOrigins: [],
    async namingFunction(request, metadata) {
      const length = Number(request.headers.get('upload-length') ?? Number.NaN);
      const { one, file } = await inbox.announce(metadata, Number.isSafeInteger(length) ? length : undefined);
      return `${one.id}/${file}`;
    },
    generateUrl: (_, { path, id }) => `${path}/${id}`,
    getFileIdFromRequest: (request) => {
      const at = new URL(request.url).pathname;
      return at.startsWith(`${uploadPath}/`) ? at.slice(uploadPath.length + 1) : undefined;
    },
    async onIncomingRequest(request, id) {
      const { one } = inbox.find(id);
      const socket = (request as unknown as { runtime?: { node?: { req?: IncomingMessage } } }).runtime?.node
        ?.req?.socket;
      if (secure && peerName(socket) !== one.command.node)
        throw new Failure('denied', 'other-node', `this delivery is expected from ${one.command.node}`);
      if (request.method === 'HEAD') return;
      disk.requireWilling();
      await inbox.requireRoom();
    },
    async onUploadFinish(_, upload) {
      await inbox.settle(inbox.find(upload.id));
      return {};
    },
    onResponseError(request, error) {
      const named = error instanceof Failure ? error : disk.refused(error);
      if (named) {
        log.info({ method: request.method, code: named.code, why: named.message }, 'upload refused');
        return { status_code: httpStatus[named.code] ?? 403, body: `${named.code}\n` };
      }
      // The library throws plain objects for what the protocol knows; anything else is an error of this hub.
      if (error instanceof Error) log.error({ err: error }, 'upload failed');
      return undefined;
    },
  });

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url?.split('?')[0] ?? '';
    const ours = path === uploadPath || path.startsWith(`${uploadPath}/`);
    if (!ours || !['POST', 'HEAD', 'PATCH', 'OPTIONS'].includes(request.method ?? '')) {
      response.writeHead(ours ? 405 : 404, { connection: 'close' }).end();
      return;
    }
    tus.handle(request, response).catch(options.broken);
  };
  // No requestTimeout: an hour of footage takes hours over a radio link. A connection that is idle is what ends.
  const limits = { requestTimeout: 0, headersTimeout: 30_000, keepAliveTimeout: 30_000 };
  const { cert, key, clientCa, crl } = settings.upload;
  const readTls = () => ({
    cert: readNamed(settings, cert),
    key: readNamed(settings, key),
    ...(secure ? { ca: readNamed(settings, clientCa) } : {}),
    ...(secure && crl !== undefined ? { crl: readNamed(settings, crl) } : {}),
    minVersion: 'TLSv1.2' as const,
  });
  let tls = cert === undefined ? undefined : readTls();
  const server: HttpServer | HttpsServer =
    tls === undefined
      ? createHttp(limits, handle)
      : createHttps(
          { ...limits, ...tls, ...(secure ? { requestCert: true, rejectUnauthorized: true } : {}) },
          handle,
        );
  server.timeout = idleMs;
  server.maxConnections = maxConnections;
  const colon = settings.upload.listen.lastIndexOf(':');
  const host = settings.upload.listen.slice(0, colon);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new Failure('unavailable', 'upload-port', `cannot listen at ${settings.upload.listen}`, { cause }),
      ),
    );
    server.listen(Number(settings.upload.listen.slice(colon + 1)), host.replaceAll(/[[\]]/g, ''), resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `${cert === undefined ? 'http' : 'https'}://${host}:${port}${uploadPath}`,
    reload() {
      if (tls === undefined || !('setSecureContext' in server)) return;
      try {
        const fresh = readTls();
        if (JSON.stringify(fresh) === JSON.stringify(tls)) return;
        server.setSecureContext(fresh);
        const revoked = fresh.crl !== tls.crl;
        tls = fresh;
        if (revoked) server.closeAllConnections();
        log.info({ revoked }, 'certificates for uploads read again');
      } catch (error) {
        // Half of a renewal, or no right to read: the next look is in a minute.
        log.error({ why: sentenceOf(error) }, 'certificates for uploads cannot be read again');
      }
    },
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

/** The name in the certificate that the other end proved; undefined for a connection that proved nothing. */
function peerName(socket: unknown): string | undefined {
  const name = (socket as TLSSocket | undefined)?.getPeerCertificate?.().subject?.CN;
  return typeof name === 'string' ? name : undefined;
}
