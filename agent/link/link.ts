import type { Conditions } from '../alert/open-conditions.ts';
import type { Probe } from '../lifecycle/probe.ts';
import { type Clock, pause } from '../platform/clock.ts';
import type { ProbeKind } from './plan.ts';
import type { Answer, Asker, Lost, Radio, Unmeasured } from './sample.ts';
import { openWindow, type Summary } from './window.ts';

/** A link as health tells it; UTC milliseconds, milliseconds, percent. */
export interface LinkReading extends Partial<Omit<Summary, 'lost'>>, Radio {
  id: string;
  to: string;
  probe: ProbeKind;
  state: 'up' | 'down' | 'unknown';
  since: number;
}

export interface Link {
  probe: Probe;
  reading(): LinkReading;
}

export interface LinkParts {
  id: string;
  to: string;
  kind: ProbeKind;
  asker: Asker;
  /** A median round trip above this is slow. */
  slowMs: number;
  everyMs: number;
  delayMs: number;
  clock: Clock;
  conditions: Conditions;
}

/**
 * One lost packet says nothing: it is asked again at short distance before a link counts as down. Sixteen seconds: a
 * radio that fades for ten is not reported, and the slowest probe is still told within 75 s.
 */
const asksBeforeDown = 8;
const againMs = 2000;
/** A false alarm of loss in a day at 2 % of ordinary loss has odds of some 1 in 100. */
const lossWindow = 100;
const lossy = { percent: 10, lost: 8, overPercent: 4 };
/** Delay is judged by the newest: a median follows within half of them. */
const delayWindow = 20;
const fewest = 5;
const overShare = 0.75;
const weak = { signalDbm: -75, snrDb: 15, overDb: 3 };
/** All asks of the slowest kind, a child each. */
const limitMs = 60_000;

/** Measures one link and judges it. What it shows is of the newest probes only: nothing grows. */
export function openLink(parts: LinkParts): Link {
  const { id, to, asker, clock, conditions } = parts;
  const watch = {
    down: conditions.watch('link-down', id),
    lossy: conditions.watch('link-lossy', id),
    slow: conditions.watch('link-slow', id),
    weak: conditions.watch('link-weak', id),
    probe: conditions.watch('link-probe', id),
    stuck: conditions.watch('probe-stuck', `link-${id}`),
  };
  const probes = openWindow(lossWindow);
  const newest = openWindow(delayWindow);
  let state: LinkReading['state'] = 'unknown';
  let since: number = clock.utc();
  let radio: Radio | undefined;
  const was = { lossy: false, slow: false, weak: false };

  const become = (next: LinkReading['state']): void => {
    if (next !== state) since = clock.utc();
    state = next;
  };
  const nothingKnown = (): void => {
    become('unknown');
    radio = undefined;
    for (const one of [watch.down, watch.lossy, watch.slow, watch.weak]) one.unknown();
  };
  const answered = (answer: Answer): void => {
    become('up');
    radio = answer.radio;
    watch.down.ok();
    watch.probe.ok();
    const { lost, lossPercent } = probes.summary();
    was.lossy = was.lossy
      ? lossPercent > lossy.overPercent
      : lossPercent >= lossy.percent && lost >= lossy.lost;
    if (was.lossy) watch.lossy.failing('loss', { percent: lossPercent, to });
    else watch.lossy.ok();
    judgeDelay();
    judgeRadio();
  };
  const judgeDelay = (): void => {
    const { delayMs, probes: count } = newest.summary();
    if (parts.kind === 'snmp' || delayMs === undefined || count < fewest) return;
    was.slow = delayMs > parts.slowMs * (was.slow ? overShare : 1);
    if (was.slow) watch.slow.failing('delay', { delayMs, to });
    else watch.slow.ok();
  };
  const judgeRadio = (): void => {
    if (radio?.signalDbm === undefined) return;
    const { signalDbm } = radio;
    const snrDb = radio.noiseDbm === undefined ? undefined : signalDbm - radio.noiseDbm;
    const slackDb = was.weak ? weak.overDb : 0;
    const faint = signalDbm < weak.signalDbm + slackDb;
    const noisy = snrDb !== undefined && snrDb < weak.snrDb + slackDb;
    was.weak = faint || noisy;
    if (faint) watch.weak.failing('signal', { signalDbm, to });
    else if (noisy) watch.weak.failing('noise', { snrDb, to });
    else watch.weak.ok();
  };
  const lost = ({ reason }: Lost): void => {
    become('down');
    radio = undefined;
    // What was lost while it was down is no loss of a link that works.
    probes.clear();
    newest.clear();
    watch.down.failing(reason, { to });
    for (const one of [watch.lossy, watch.slow, watch.weak]) one.unknown();
  };
  const unmeasured = ({ reason }: Unmeasured): void => {
    nothingKnown();
    watch.probe.failing(reason, { to });
  };

  return {
    reading() {
      const { lost: _, ...summary } = probes.summary();
      return {
        id,
        to,
        probe: parts.kind,
        state,
        since,
        ...(state === 'up' ? { ...summary, ...radio } : {}),
      };
    },
    probe: {
      everyMs: parts.everyMs,
      delayMs: parts.delayMs,
      limitMs,
      share: 1,
      async once(signal) {
        let began = clock.monotonic();
        let sample = await asker.ask(signal);
        const first = sample;
        for (let asks = 1; sample.kind === 'lost' && asks < asksBeforeDown && state !== 'down'; asks++) {
          await pause(clock, againMs - (clock.monotonic() - began), signal);
          if (signal.aborted) return;
          began = clock.monotonic();
          sample = await asker.ask(signal);
        }
        if (signal.aborted) return;
        if (first.kind !== 'unmeasured' && sample.kind !== 'lost')
          for (const window of [probes, newest]) window.add(first.kind === 'answer' ? first : undefined);
        if (sample.kind === 'answer') answered(sample);
        else if (sample.kind === 'lost') lost(sample);
        else unmeasured(sample);
      },
      stuck(yes) {
        if (!yes) return watch.stuck.ok();
        nothingKnown();
        watch.stuck.failing('hanging', { probe: `link ${id}` });
      },
    },
  };
}
