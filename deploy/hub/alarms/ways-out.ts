import { randomUUID } from 'node:crypto';
import type { Bus } from '#agent/mqtt/bus.ts';
import { type Clock, pause } from '#agent/platform/clock.ts';
import type { Log } from '#agent/platform/log.ts';
import { openNightly } from '#agent/platform/nightly.ts';
import type { Random } from '#agent/platform/random.ts';
import { Failure } from '#protocol/failure.ts';
import { readNamed, type Settings } from '../settings.ts';
import { subjectOf } from './alarm.ts';
import type { Alarms } from './alarms.ts';
import { openAlertmanager, roundMs } from './alertmanager.ts';
import { isForMaintenance } from './hub-conditions.ts';
import type { Notice } from './life.ts';
import { mailWay, openMailer } from './mail.ts';
import { openOutbox, type Way } from './outbox.ts';
import { afterQuiet, localDay, localTimeOfDay } from './quiet.ts';
import type { AlarmSecrets } from './settings.ts';
import { summaryOf } from './summary.ts';
import { topicWay } from './topic.ts';
import { webhookWay } from './webhook.ts';
import type { Form } from './words.ts';

const summaryLimitMs = 3 * 3_600_000;
const summaryRetryMs = 5 * 60_000;
const patienceMs = 2 * 60_000;
const dayMs = 86_400_000;

/** By which ways a notice goes out, and from when. What speaks of a request goes to the office and nowhere else. */
export function waysFor(settings: Settings, notice: Notice, now: number): { way: string; due: number }[] {
  const { mail, webhook, quiet } = settings.alarms;
  const { alarm, kind } = notice;
  const mailDue = afterQuiet(quiet, alarm.severity, now, settings.zone);
  if (!isForMaintenance(alarm))
    return mail && mail.office.length > 0 ? [{ way: 'mail-office', due: mailDue }] : [];
  const ways = [
    { way: 'topic', due: now },
    ...(webhook ? [{ way: 'webhook', due: now }] : []),
    ...(mail ? [{ way: 'mail', due: mailDue }] : []),
    ...(mail && mail.escalate.length > 0 && (kind === 'escalated' || escalatedBefore(notice))
      ? [{ way: 'mail-escalated', due: now }]
      : []),
  ];
  // That mail fails is not told by mail.
  const broken =
    alarm.from === 'hub' && alarm.key.startsWith('delivery-failed.') ? subjectOf(alarm.key) : undefined;
  return ways.filter(({ way }) => broken === undefined || !way.startsWith(broken));
}

/** Who was told that nobody took it hears the end of it, too. */
function escalatedBefore({ kind, alarm }: Notice): boolean {
  return kind === 'cleared' && alarm.escalatedAt !== undefined;
}

const wayNames: Readonly<Record<string, string>> = {
  mail: 'posta elettronica',
  webhook: 'webhook',
  alertmanager: 'Alertmanager',
};

/** In Italian; how a server words its refusal stands in the log. */
function undelivered(name: string, why: string): string {
  const [, answer, who] = /answers (\d{3})(?: for (\S{1,254}))?/.exec(why) ?? [];
  const cause =
    answer === undefined
      ? 'il server non risponde'
      : `il server risponde ${answer}${who === undefined ? '' : ` per ${who}`}`;
  return who === undefined
    ? `gli avvisi per ${wayNames[name] ?? name} non partono, ${cause}`
    : `non tutti ricevono gli avvisi per ${wayNames[name] ?? name}, ${cause}`;
}

export interface WaysOut {
  /** There is something to send. */
  wake(): void;
  /** Alarms changed. */
  changed(): void;
  close(): Promise<void>;
}

/** Everything by which alarms leave the town hall, as hub.yaml asks for it. */
export function openWaysOut(parts: {
  settings: Settings;
  secrets: AlarmSecrets;
  alarms: Alarms;
  bus: Bus;
  clock: Clock;
  random: Random;
  log: Log;
  broken(error: unknown): void;
}): WaysOut {
  const { settings, secrets, alarms, bus, clock, log, broken } = parts;
  const { mail, webhook, alertmanager } = settings.alarms;
  const form: Form = { lang: settings.lang, zone: settings.zone, places: settings };
  const ending = new AbortController();
  const { signal } = ending;
  /** Ways that fail now: letters to different people go by one server, and are one alarm. */
  const ailing = new Set<string>();
  const failing = async (way: string, why: string | undefined): Promise<void> => {
    // The broker has an alarm of its own.
    if (way === 'topic') return;
    const [name = way] = way.split('-');
    const key = `delivery-failed.${name}`;
    if (why !== undefined) ailing.add(way);
    else ailing.delete(way);
    if (why === undefined) {
      if (![...ailing].some((other) => other.startsWith(name))) await alarms.clear('hub', key, 'hub');
      return;
    }
    await alarms.raise({
      node: 'hub',
      key,
      severity: 'warning',
      detail: `${undelivered(name, why)}: controllare indirizzo e credenziali in hub.yaml`,
      from: 'hub',
    });
  };

  const { store } = alarms;
  const mailer = mail && openMailer(mail, secrets.mailPassword, readNamed(settings, mail.ca), store);
  const hook =
    webhook &&
    webhookWay({
      url: webhook.url,
      key: secrets.webhookKey ?? '',
      ca: readNamed(settings, webhook.ca),
      form,
      utc: () => clock.utc(),
    });
  const ways: Way[] = [
    topicWay(bus, form),
    ...(hook ? [hook] : []),
    ...(mail && mailer
      ? [
          mailWay('mail', mailer, mail.to, form),
          mailWay('mail-escalated', mailer, mail.escalate, form),
          mailWay('mail-office', mailer, mail.office, form),
        ]
      : []),
  ];
  const outbox = openOutbox({ ...parts, store, ways, now: alarms.now, failing });

  // What is not asked for any more does not fail any more.
  for (const [way, asked] of Object.entries({ mail, webhook, alertmanager }))
    if (asked === undefined) failing(way, undefined).catch(broken);

  let nudge: AbortController | undefined;
  async function postRounds(): Promise<void> {
    if (alertmanager === undefined) return;
    const { url, ca } = alertmanager;
    const client = openAlertmanager({ url, ca: readNamed(settings, ca), form });
    let failingSince: number | undefined;
    while (!signal.aborted) {
      nudge = new AbortController();
      try {
        await client.post(store.book().alarms.values(), alarms.now(), signal);
        failingSince = undefined;
        await failing('alertmanager', undefined);
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof Failure)) throw error;
        log.warn({ way: 'alertmanager', code: error.code, why: error.message }, 'not delivered');
        failingSince ??= clock.monotonic();
        if (clock.monotonic() - failingSince >= patienceMs) await failing('alertmanager', error.message);
        // What changes does not hurry a server that fails.
        await pause(clock, 10_000, signal);
        continue;
      }
      await pause(clock, roundMs, AbortSignal.any([signal, nudge.signal]));
    }
    client.close();
  }
  const rounds = postRounds().catch((error: unknown) => {
    if (!signal.aborted) broken(error);
  });

  /** Once a day, also when the hub starts late: noted before it is sent, under the id it is sent by. */
  async function summary(limit: AbortSignal): Promise<void> {
    if (mail === undefined || mailer === undefined) return;
    const end = AbortSignal.any([limit, signal]);
    const now = alarms.now();
    const day = localDay(now, settings.zone);
    const id = store.beginSummary(day, randomUUID());
    if (id === undefined) return;
    const facts = {
      alarms: store.book().alarms.values(),
      notices: store.notices(now - dayMs),
      maintenance: alarms.maintenance(),
    };
    const letter = { to: mail.to, id, ...summaryOf(facts, form, now) };
    const begun = clock.monotonic();
    while (!end.aborted) {
      try {
        const taken = await mailer.send(letter);
        store.endSummary(day);
        return await failing('mail', taken?.refused);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        log.warn({ way: 'mail', code: error.code, why: error.message }, 'summary not delivered');
        if (clock.monotonic() - begun >= patienceMs) await failing('mail', error.message);
        await pause(clock, summaryRetryMs, end);
      }
    }
  }
  const nightly =
    mail?.daily === undefined
      ? undefined
      : openNightly(
          [{ name: 'summary', at: mail.daily, zone: settings.zone, limitMs: summaryLimitMs, run: summary }],
          (name, err) => log.error({ name, err }, 'a daily job failed'),
        );
  const now = alarms.now();
  if (mail?.daily !== undefined && localTimeOfDay(now, settings.zone) >= mail.daily)
    if (!store.summaryEnded(localDay(now, settings.zone))) nightly?.now('summary');

  return {
    wake: outbox.wake,
    changed: () => nudge?.abort(),
    async close() {
      ending.abort();
      await outbox.close();
      await rounds;
      await nightly?.close();
      mailer?.close();
      hook?.close();
    },
  };
}
