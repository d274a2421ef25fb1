import type { Clock } from '../platform/clock.ts';
import type { Net } from '../platform/net.ts';

/** A UPS as Network UPS Tools tells of it. */
export interface UpsReading {
  /** Words of `ups.status`: `OL` on mains, `OB` on battery, `LB` battery low, `RB` replace battery, … */
  status: string[];
  chargePercent?: number;
  runtimeSeconds?: number;
}

export interface UpsAddress {
  host: string;
  port: number;
  name: string;
}

/** Three questions and their answers take milliseconds; upsd is on this box or beside it. */
const limitMs = 3000;
/** Three answers of a line each. */
const maxBytes = 4096;
const variables = ['ups.status', 'battery.charge', 'battery.runtime'] as const;

/**
 * Asks upsd for three variables (NUT's network protocol, `GET VAR`), without logging in. Undefined when it does not
 * answer, does not know the UPS, or has lost it (`DATA-STALE`, `DRIVER-NOT-CONNECTED`).
 */
export async function readUps(
  parts: { clock: Clock; net: Net },
  { host, port, name }: UpsAddress,
  signal: AbortSignal,
): Promise<UpsReading | undefined> {
  const { clock, net } = parts;
  const done = Promise.withResolvers<void>();
  const limit = new AbortController();
  const timer = clock.after(limitMs, () => limit.abort());
  let text = '';
  const receiver = {
    data(bytes: Buffer, length: number) {
      text += bytes.toString('latin1', 0, length);
      if (text.length > maxBytes || text.split('\n').length > variables.length) done.resolve();
    },
    ended: () => done.resolve(),
  };
  const either = AbortSignal.any([signal, limit.signal]);
  const enough = (): void => done.resolve();
  either.addEventListener('abort', enough, { once: true });
  const connection = await net.connect({ host, port }, receiver, either).catch(() => undefined); // Nobody there.
  if (connection !== undefined) {
    for (const variable of variables) connection.write(`GET VAR ${name} ${variable}\n`);
    await done.promise;
    connection.write('LOGOUT\n');
    connection.close();
  }
  timer.cancel();
  // Node keeps a signal that is made of others for as long as somebody listens to it.
  either.removeEventListener('abort', enough);
  return parseUps(text, name);
}

/** Lines such as `VAR ups ups.status "OL CHRG"`; one that is an `ERR` is not known. */
export function parseUps(text: string, name: string): UpsReading | undefined {
  const values = new Map<string, string>();
  for (const line of text.split('\n').slice(0, variables.length)) {
    const match = /^VAR (\S{1,64}) ([\w.]{1,64}) "([^"]{0,200})"\r?$/.exec(line);
    if (match && match[1] === name) values.set(match[2] as string, match[3] as string);
  }
  const status = values.get('ups.status')?.split(' ').filter(Boolean);
  if (status === undefined || status.length === 0) return undefined;
  const charge = finite(values.get('battery.charge'));
  const runtime = finite(values.get('battery.runtime'));
  return {
    status,
    ...(charge === undefined ? {} : { chargePercent: charge }),
    ...(runtime === undefined ? {} : { runtimeSeconds: runtime }),
  };
}

function finite(text: string | undefined): number | undefined {
  const value = text === undefined || text === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
