import { type Alarm, idOf, isActive, stateOf } from './alarm.ts';
import { isForMaintenance } from './hub-conditions.ts';
import type { Maintenance, Notice } from './life.ts';
import { alarmTexts, type Form, lengthOf, nameOf, placeOf, timeOf } from './words.ts';

const day = 86_400_000;
const mostRows = 100;

const words = {
  it: {
    quiet: 'tutto regolare',
    subject: (standing: number, news: number) =>
      `${standing === 1 ? 'un allarme attivo' : `${standing} allarmi attivi`}, ${news} nelle ultime 24 ore`,
    standing: 'Attivi adesso',
    day: 'Nelle ultime 24 ore',
    aside: 'Accantonati, spiegati da altri o in manutenzione',
    maintenance: 'Manutenzione',
    none: 'niente',
    ago: 'da',
    lasted: 'durata',
    more: (count: number) => `e altri ${count}`,
  },
  en: {
    quiet: 'all is well',
    subject: (standing: number, news: number) =>
      `${standing === 1 ? 'one alarm' : `${standing} alarms`} active, ${news} in the last 24 hours`,
    standing: 'Active now',
    day: 'In the last 24 hours',
    aside: 'Shelved, explained by others, or in maintenance',
    maintenance: 'Maintenance',
    none: 'nothing',
    ago: 'for',
    lasted: 'it lasted',
    more: (count: number) => `and ${count} more`,
  },
} as const;

/** The day behind `now`, for who maintains the fleet. */
export function summaryOf(
  facts: { alarms: Iterable<Alarm>; notices: readonly Notice[]; maintenance: readonly Maintenance[] },
  form: Form,
  now: number,
): { subject: string; text: string } {
  const { lang, places } = form;
  const t = words[lang];
  const states = alarmTexts[lang].state;
  const active = [...facts.alarms].filter((alarm) => isActive(alarm) && isForMaintenance(alarm));
  const known = active.filter((alarm) => stateOf(alarm).endsWith('acknowledged-active') && alarm.announcedAt);
  const aside = active.filter((alarm) => !stateOf(alarm).endsWith('acknowledged-active'));
  const news = facts.notices.filter(
    ({ at, alarm, kind }) =>
      now - at <= day && isForMaintenance(alarm) && (kind === 'raised' || kind === 'cleared'),
  );
  const raised = news.filter(({ kind }) => kind === 'raised');
  const what = (alarm: Alarm): string => `${placeOf(alarm, places)}: ${nameOf(alarm.key, lang)}`;
  const list = (rows: readonly string[]): string => {
    if (rows.length === 0) return `  ${t.none}`;
    const shown = rows.slice(0, mostRows).map((row) => `  ${row}`);
    return [...shown, ...(rows.length > mostRows ? [`  ${t.more(rows.length - mostRows)}`] : [])].join('\n');
  };
  const sections: [string, string[]][] = [
    [
      t.standing,
      known.map(
        (alarm) => `${what(alarm)}, ${t.ago} ${lengthOf(now - alarm.since, lang)}; ${states[stateOf(alarm)]}`,
      ),
    ],
    [
      t.day,
      raised.map(({ alarm, at }) => {
        const over = news.find(
          ({ kind, alarm: other }) =>
            kind === 'cleared' && idOf(other) === idOf(alarm) && other.raisedAt === alarm.raisedAt,
        );
        const end = over ? `, ${t.lasted} ${lengthOf(over.at - alarm.raisedAt, lang)}` : '';
        return `${timeOf(at, form)}  ${what(alarm)}${end}`;
      }),
    ],
    [t.aside, aside.map((alarm) => `${what(alarm)}; ${states[stateOf(alarm)]}`)],
    [
      t.maintenance,
      facts.maintenance.map(
        ({ node, from, until, by, reason }) =>
          `${placeOf({ node, key: '' }, places)}: ${timeOf(from, form)} – ${timeOf(until, form)}, ${by}: ${reason}`,
      ),
    ],
  ];
  const calm = known.length === 0 && raised.length === 0;
  return {
    subject: `[Peio] ${calm ? t.quiet : t.subject(known.length, raised.length)}`,
    text: `${sections.map(([title, rows]) => `${title}\n${list(rows)}`).join('\n\n')}\n`,
  };
}
