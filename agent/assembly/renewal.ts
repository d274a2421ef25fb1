import { Failure } from '#protocol/failure.ts';
import { runProbe } from '../lifecycle/probe.ts';
import type { Life } from './node.ts';

/** Three small files; whoever renewed them looks whether the alert goes. */
const everyMs = 60_000;
const limitMs = 30_000;

/** Looks whether certificates were renewed, until the node ends: connections that begin later use them. */
export async function renewCertificates({ clock, log, config, ending }: Life): Promise<void> {
  const connections = Object.entries({ mqtt: config.mqtt?.tls, upload: config.upload?.tls });
  const told = new Map<string, string>();
  async function look(name: string, tls: (typeof connections)[number][1]): Promise<void> {
    try {
      if (await tls?.renew()) log.info({ connection: name }, 'certificates renewed');
      told.delete(name);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // Said once: what was there before is used on, and ends with its own alert.
      if (told.get(name) !== error.message)
        log.warn({ connection: name, why: error.message }, 'certificates cannot be read again');
      told.set(name, error.message);
    }
  }
  await runProbe(clock, ending.signal, {
    everyMs,
    delayMs: everyMs,
    limitMs,
    async once() {
      for (const [name, tls] of connections) await look(name, tls);
    },
    stuck: (yes) => {
      if (yes) log.warn('the disk does not give the certificates');
    },
  });
}
