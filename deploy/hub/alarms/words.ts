import { conditions } from '#agent/alert/conditions.ts';
import { inLanguage } from '#agent/alert/translate.ts';
import type { Settings } from '../settings.ts';
import { type Alarm, type AlarmState, conditionOf, subjectOf } from './alarm.ts';
import { hubConditions } from './hub-conditions.ts';
import { hubSentenceIn } from './hub-sentences.ts';
import type { Notice, NoticeKind } from './life.ts';

export type Lang = Settings['lang'];
export type Places = Pick<Settings, 'nodes' | 'place'>;

interface Texts {
  state: Record<AlarmState, string>;
  kind: Record<NoticeKind, string>;
  severity: Record<Alarm['severity'], string>;
  what: string;
  where: string;
  since: string;
  until: string;
  cause: string;
  /** What to look at first; what to do first, where nothing is to be looked at. */
  check: string;
  act: string;
  explains: string;
  explainedBy: string;
  acknowledgedBy: string;
  shelvedBy: string;
  maintenance: string;
  none: string;
  cleared: string;
  over: string;
  flapping: string;
  take: string;
  townHall: string;
}

/** States are named as ANSI/ISA-18.2 names them. */
export const alarmTexts: Record<Lang, Texts> = {
  it: {
    state: {
      'unacknowledged-active': 'attivo, non preso in carico',
      'acknowledged-active': 'attivo, preso in carico',
      'return-to-normal-unacknowledged': 'rientrato, non preso in carico',
      shelved: 'accantonato',
      'suppressed-by-design': 'spiegato da un altro',
      'out-of-service': 'in manutenzione',
      normal: 'normale',
    },
    kind: { raised: 'Allarme', worse: 'Aggravato', escalated: 'Non preso in carico', cleared: 'Rientrato' },
    severity: { critical: 'grave', warning: 'attenzione', info: 'avviso' },
    what: 'Che cosa',
    where: 'Dove',
    since: 'da',
    until: 'fino a',
    cause: 'Causa probabile',
    check: 'Controllare per primo',
    act: 'Da fare per primo',
    explains: 'spiega anche',
    explainedBy: 'spiegato da',
    acknowledgedBy: 'preso in carico da',
    shelvedBy: 'accantonato da',
    maintenance: 'Manutenzione',
    none: 'Nessun allarme.',
    cleared: 'Durata',
    over: 'il guasto è rientrato da solo o è stato riparato',
    flapping: 'va e viene',
    take: 'Prendere in carico',
    townHall: 'Municipio',
  },
  en: {
    state: {
      'unacknowledged-active': 'active, unacknowledged',
      'acknowledged-active': 'active, acknowledged',
      'return-to-normal-unacknowledged': 'returned to normal, unacknowledged',
      shelved: 'shelved',
      'suppressed-by-design': 'explained by another',
      'out-of-service': 'in maintenance',
      normal: 'normal',
    },
    kind: { raised: 'Alarm', worse: 'Worse', escalated: 'Not acknowledged', cleared: 'Over' },
    severity: { critical: 'critical', warning: 'warning', info: 'notice' },
    what: 'What',
    where: 'Where',
    since: 'since',
    until: 'until',
    cause: 'Probable cause',
    check: 'Check first',
    act: 'Do first',
    explains: 'explains too',
    explainedBy: 'explained by',
    acknowledgedBy: 'acknowledged by',
    shelvedBy: 'shelved by',
    maintenance: 'Maintenance',
    none: 'No alarm.',
    cleared: 'It lasted',
    over: 'it passed by itself, or was mended',
    flapping: 'comes and goes',
    take: 'Acknowledge',
    townHall: 'Town hall',
  },
};

/** `Parcheggio SP87 nord, Cogolo Park-47 (site-09/cam-1)`; the ids alone where hub.yaml knows no name. */
export function placeOf({ node, key }: Pick<Alarm, 'node' | 'key'>, places: Places): string {
  if (node === 'hub') return places.place?.name ?? alarmTexts.it.townHall;
  const subject = subjectOf(key);
  const place = places.nodes.find(({ id }) => id === node);
  const camera = place?.cameras.find(({ id }) => id === subject);
  if (place === undefined) return node;
  return camera ? `${camera.name}, ${place.name} (${node}/${camera.id})` : `${place.name} (${node})`;
}

/** What is wrong, in two or three words. */
export function nameOf(key: string, lang: Lang): string {
  const condition = conditionOf(key);
  const known =
    hubConditions[condition] ?? (conditions as Record<string, { name: Record<Lang, string> }>)[condition];
  return known?.name[lang] ?? condition;
}

/** A node says what is so and, behind a colon, what to do first; of its own the hub keeps both. */
export function explained(
  alarm: Pick<Alarm, 'key' | 'from' | 'detail'>,
  { lang, places }: Pick<Form, 'lang' | 'places'>,
): { cause: string; check: string } {
  const named = alarm.from === 'hub' && hubSentenceIn(alarm.detail, lang) !== undefined;
  const known = alarm.from === 'hub' && !named ? hubConditions[conditionOf(alarm.key)] : undefined;
  if (known) return { cause: known.cause[lang], check: known.check[lang] };
  const detail = saidOf(alarm, places, lang).text;
  const colon = detail.lastIndexOf(': ');
  return colon === -1
    ? { cause: detail, check: '' }
    : { cause: detail.slice(0, colon), check: detail.slice(colon + 2) };
}

/**
 * What is said of an alarm in a language, and in which it came out: nodes speak the one they are set to, the hub
 * Italian with the figures of the moment; in English, where no sentence with names and dates is known, of its table.
 */
export function saidOf(
  alarm: Pick<Alarm, 'key' | 'detail' | 'from'>,
  places: Places,
  lang: Lang,
): { text: string; lang: Lang } {
  const { key, detail, from } = alarm;
  if (from === 'hub') {
    const sentence = hubSentenceIn(detail, lang);
    if (sentence !== undefined) return { text: sentence, lang };
    const known = lang === 'it' ? undefined : hubConditions[conditionOf(key)];
    return known ? { text: `${known.name[lang]}: ${known.check[lang]}`, lang } : { text: detail, lang: 'it' };
  }
  const translated = inLanguage(key, detail, lang);
  return {
    text: detailOf({ key, detail: translated ?? detail }, places),
    // A sentence that no table has is of a node of another version, and nodes are Italian unless told otherwise.
    lang: translated === undefined ? 'it' : lang,
  };
}

/** What is said of an alarm as it came. A node knows the other end of its links by id alone: here it gets its name. */
export function detailOf({ key, detail }: Pick<Alarm, 'key' | 'detail'>, places: Places): string {
  if (!conditionOf(key).startsWith('link-')) return detail;
  const names = new Map(
    [...places.nodes, ...(places.place ? [places.place] : [])].map((at) => [at.id, at.name]),
  );
  const named = detail.replaceAll(/(?<=\b(?:da|verso|from|to) )[a-z0-9][a-z0-9-]*/g, (id) => {
    const name = names.get(id);
    return name === undefined ? id : `${name} (${id})`;
  });
  return named.slice(0, 500);
}

/** `Controllare per primo: il cavo`, `Da fare per primo: sostituire il disco`. */
function firstStep(check: string, lang: Lang): [string, string] {
  const { check: look, act } = alarmTexts[lang];
  const object = check.replace(/^(?:controllare|verificare|check) /, '');
  return object === check ? [act, check] : [look, object];
}

export interface Told {
  subject: string;
  text: string;
}

export interface Form {
  lang: Lang;
  zone: string;
  places: Places;
}

/** A length of time as people say it: `45 s`, `12 min`, `3 h 20 min`, `2 g 4 h`. */
export function lengthOf(ms: number, lang: Lang): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = `${Math.floor(hours / 24)} ${lang === 'it' ? 'g' : 'd'}`;
  return hours % 24 === 0 ? days : `${days} ${hours % 24} h`;
}

export function timeOf(utcMs: number, { lang, zone }: Pick<Form, 'lang' | 'zone'>): string {
  return new Intl.DateTimeFormat(lang === 'it' ? 'it-IT' : 'en-GB', {
    dateStyle: 'medium',
    timeStyle: 'short',
    timeZone: zone,
  }).format(utcMs);
}

/** What one notice says: what, where, since when, the probable cause, what to check first. */
export function tell(notice: Notice, form: Form): Told {
  const { alarm, kind, explains, flapping } = notice;
  const { lang, places } = form;
  const t = alarmTexts[lang];
  const where = placeOf(alarm, places);
  const name = nameOf(alarm.key, lang);
  const { cause, check } = explained(alarm, form);
  const severity = kind === 'cleared' ? '' : ` (${t.severity[alarm.severity]})`;
  const subject = `${t.kind[kind]}${severity}: ${name}, ${where}`;
  const others = explains.map((id) => {
    const slash = id.indexOf('/');
    return placeOf({ node: id.slice(0, slash), key: id.slice(slash + 1) }, places);
  });
  const start = timeOf(alarm.since, form);
  const rows: (readonly [string, string])[] = [
    [t.what, `${name}${flapping ? `, ${t.flapping}` : ''}`],
    [t.where, where],
    [capital(t.since), kind === 'cleared' ? `${start} ${t.until} ${timeOf(notice.at, form)}` : start],
  ];
  if (kind === 'cleared')
    rows.push([t.cleared, `${lengthOf((alarm.clearedAt ?? notice.at) - alarm.raisedAt, lang)}; ${t.over}`]);
  else {
    rows.push([t.cause, cause]);
    if (check !== '') rows.push(firstStep(check, lang));
    if (others.length > 0) rows.push([capital(t.explains), [...new Set(others)].join('; ')]);
    rows.push([t.take, `peio-hub ack ${alarm.node}/${alarm.key}`]);
  }
  return { subject, text: rows.map(([label, value]) => `${label}: ${value}`).join('\n') };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
