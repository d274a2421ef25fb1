import { codeOf, sentenceOf } from '#protocol/failure.ts';
import type { Conditions } from '../alert/open-conditions.ts';
import { runProbe } from '../lifecycle/probe.ts';
import { type Clock, pause, untilAborted } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Net } from '../platform/net.ts';
import type { Random } from '../platform/random.ts';
import type { Udp } from '../platform/udp.ts';
import { type LinkReading, openLink } from './link.ts';
import { openPing, type Run } from './ping.ts';
import { type ProbeCost, type ProbeKind, planLinks, probeCosts, snmpCost } from './plan.ts';
import { objectsOf, type RadioModel } from './radio-models.ts';
import type { Asker, Radio } from './sample.ts';
import { openSnmp } from './snmp.ts';
import type { SnmpAccess } from './snmp-question.ts';
import { openStampClock } from './stamp-clock.ts';
import { stampPort } from './stamp-packet.ts';
import { openReflector } from './stamp-reflector.ts';
import { openStampSender } from './stamp-sender.ts';
import { openTcp } from './tcp.ts';

export type { LinkReading } from './link.ts';

/** A link as configured; `port` is the probe's own where it is absent. */
export interface LinkConfig {
  id: string;
  to: string;
  probe: ProbeKind;
  host: string;
  port?: number | undefined;
  slowMs: number;
  /** For `snmp`. */
  access?: SnmpAccess | undefined;
  model?: RadioModel | undefined;
  oids?: Partial<Record<keyof Radio, string | undefined>> | undefined;
}

export interface LinksParts {
  links: readonly LinkConfig[];
  /** Where the STAMP reflector listens; none when absent. */
  reflect?: { host: string; port: number } | undefined;
  conditions: Conditions;
  clock: Clock;
  random: Random;
  net: Net;
  udp: Udp;
  run: Run;
  /** Whether the box's clock follows UTC: then delays each way mean something. */
  synchronised(): boolean;
  log: Log;
}

export interface Links {
  /** Measures and reflects until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  readings(): LinkReading[];
}

const snmpPort = 161;
/** After a power cut a whole town starts at once. */
const spreadMs = 5000;
/** A port that is taken or not yet allowed. */
const bindRetryMs = 30_000;

/** Every configured link measured within one budget, and the reflector for those who measure us. */
export function openLinks(parts: LinksParts): Links {
  const { clock, conditions, log } = parts;
  const stampClock = openStampClock(clock, parts.synchronised);
  const { everyMs } = planLinks(parts.links.map(costOf));
  const askers: Asker[] = [];
  const links = parts.links.map((config, index) => {
    const asker = askerOf(config, parts, stampClock);
    askers.push(asker);
    return openLink({
      ...config,
      kind: config.probe,
      asker,
      everyMs: everyMs[index] as number,
      delayMs: parts.random.fraction() * spreadMs,
      clock,
      conditions,
    });
  });

  const reflect = async (signal: AbortSignal): Promise<void> => {
    while (parts.reflect && !signal.aborted) {
      try {
        await using stack = new AsyncDisposableStack();
        const reflector = await openReflector({ clock, stampClock, udp: parts.udp, ...parts.reflect });
        stack.defer(() => reflector.close());
        log.info({ port: reflector.port }, 'reflecting STAMP packets');
        await untilAborted(signal);
      } catch (error) {
        if (codeOf(error) === 'unknown') throw error;
        log.error({ ...parts.reflect, why: sentenceOf(error) }, 'no STAMP reflector');
        await pause(clock, bindRetryMs, signal);
      }
    }
  };

  return {
    async run(signal) {
      try {
        await Promise.all([reflect(signal), ...links.map(({ probe }) => runProbe(clock, signal, probe))]);
      } finally {
        for (const asker of askers) asker.close();
      }
    },
    readings: () => links.map((link) => link.reading()),
  };
}

function costOf({ probe, model, oids, access }: LinkConfig): ProbeCost {
  return probe === 'snmp'
    ? snmpCost(objectsOf(model, oids ?? {}).length, access?.version ?? '2c')
    : probeCosts[probe];
}

function askerOf(
  { probe, host, port, access, model, oids }: LinkConfig,
  { clock, net, udp, run }: LinksParts,
  stampClock: ReturnType<typeof openStampClock>,
): Asker {
  switch (probe) {
    case 'stamp':
      return openStampSender({ clock, stampClock, udp, target: { host, port: port ?? stampPort } });
    case 'ping':
      return openPing({ run, host });
    case 'tcp':
      return openTcp({ clock, net, target: { host, port: port as number } });
    case 'snmp':
      return openSnmp({
        target: { host, port: port ?? snmpPort },
        access: access as SnmpAccess,
        model,
        ...(oids ? { oids } : {}),
      });
  }
}
