import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** How the other end proves itself. Absent: plain TCP. */
export interface TlsTrust {
  /** PEM of the authorities that may vouch for the name; the system's when absent. */
  ca?: string;
  /** SHA-256 of the one certificate accepted, upper-case hex with colons: for devices that sign their own. */
  fingerprint256?: string;
}

export interface Target {
  host: string;
  port: number;
  tls?: TlsTrust;
}

/** What a connection tells its owner; nothing is told after `close`. */
export interface Receiver {
  /**
   * `length` bytes at the start of `bytes`. The buffer is shared by every connection of the process: valid until
   * this returns, never to be kept. Must not throw.
   */
  data(bytes: Buffer, length: number): void;
  /** The other end closed (`undefined`) or the connection broke. Told once. */
  ended(error: Error | undefined): void;
}

export interface Connection {
  /** Addresses of this end and the other, as numbers. */
  readonly local: string;
  readonly remote: string;
  /** Sends; more than 64 KiB that the other end does not take breaks the connection. */
  write(bytes: string | Uint8Array): void;
  /** From now on reads come on a common beat, fuller and fewer: for streams, not for questions and answers. */
  pace(): void;
  /** Sends what is written and closes; at once after {@link closeLimitMs} or with `abort`. Harmless when closed. */
  close(how?: 'abort'): void;
}

export interface Net {
  /** Resolves when connected (and trusted, with TLS); rejects with Node's own error, or with the signal's reason. */
  connect(target: Target, receiver: Receiver, signal: AbortSignal): Promise<Connection>;
}

/** One read buffer for all: `onread` is synchronous, so nobody can see another's bytes. */
const readBufferBytes = 256 * 1024;
/** A read at least this full is followed by the next at once: the kernel may hold more, and its buffer is finite. */
const fullReadBytes = 64 * 1024;
/** The other end of a camera's connection reads a few hundred bytes a minute. */
const unsentLimitBytes = 64 * 1024;
const closeLimitMs = 1000;

/** TCP and TLS sockets that share one read buffer and, when paced, one beat of `paceMs`. */
export function openNet(paceMs: number): Net {
  const readBuffer = Buffer.allocUnsafeSlow(readBufferBytes);
  let waiting: Socket[] = [];
  let resting: Socket[] = [];
  let beating = false;

  const onBeat = (): void => {
    beating = false;
    const due = waiting;
    waiting = resting;
    resting = due;
    for (const socket of due) socket.resume();
    due.length = 0;
  };
  const rest = (socket: Socket): void => {
    waiting.push(socket);
    if (beating) return;
    beating = true;
    setTimeout(onBeat, paceMs);
  };

  return {
    connect(target, receiver, signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        let paced = false;
        let open = false;
        let told = false;
        const onread = {
          buffer: readBuffer,
          callback(length: number): boolean {
            if (told) return true;
            receiver.data(readBuffer, length);
            if (!paced || length >= fullReadBytes) return true;
            rest(socket);
            return false;
          },
        };
        const where = { host: target.host, port: target.port, noDelay: true, onread };
        const socket: Socket = target.tls
          ? connectTls({
              ...where,
              ...(target.tls.ca === undefined ? {} : { ca: target.tls.ca }),
              // A pinned certificate is compared below, before anything is sent.
              rejectUnauthorized: target.tls.fingerprint256 === undefined,
            })
          : connectTcp(where);
        const finish = (error: Error | undefined): void => {
          signal.removeEventListener('abort', abort);
          socket.destroy();
          if (told) return;
          told = true;
          if (open) receiver.ended(error);
          else reject(error ?? new Error('closed before it was open'));
        };
        const abort = (): void => finish(signal.reason);
        signal.addEventListener('abort', abort, { once: true });
        socket.on('error', finish);
        socket.on('end', () => finish(undefined));
        socket.on('close', () => finish(undefined));
        socket.on(target.tls ? 'secureConnect' : 'connect', () => {
          signal.removeEventListener('abort', abort);
          const pin = target.tls?.fingerprint256;
          if (pin !== undefined && peerFingerprint(socket) !== pin)
            return finish(new Error('the certificate is not the one that was pinned'));
          open = true;
          resolve({
            local: socket.localAddress ?? '',
            remote: socket.remoteAddress ?? '',
            write(bytes) {
              if (told) return;
              socket.write(bytes);
              if (socket.writableLength > unsentLimitBytes)
                finish(new Error(`${socket.writableLength} bytes unsent: the other end does not read`));
            },
            pace() {
              paced = true;
            },
            close(how) {
              if (told && socket.destroyed) return;
              told = true;
              if (how === 'abort') return void socket.destroy();
              const limit = setTimeout(() => socket.destroy(), closeLimitMs);
              socket.once('close', () => clearTimeout(limit));
              socket.end(() => socket.destroy());
            },
          });
        });
      });
    },
  };
}

function peerFingerprint(socket: Socket): string | undefined {
  return 'getPeerCertificate' in socket
    ? (socket as import('node:tls').TLSSocket).getPeerCertificate().fingerprint256
    : undefined;
}
