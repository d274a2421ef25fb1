import { conditions } from '../alert/conditions.ts';
import { inLanguage } from '../alert/translate.ts';
import { byState, cameraState, type Lang, type State } from '../view/states.ts';
import { since } from '../view/times.ts';
import type { LocalStatus } from './local.ts';
import { siteWords } from './site-words.ts';

/**
 * A node's status. Of one that is seen from elsewhere nobody knows when its program began; there the places at the other
 * ends of its links have names, by id.
 */
export type Seen = Omit<LocalStatus, 'startedAt'> & {
  startedAt?: number;
  /** It is silent: what it said last is of then, and how it is now nobody knows. */
  unheard?: boolean;
  places?: Readonly<Record<string, string>>;
};
export type Camera = NonNullable<LocalStatus['health']['cameras']>[number];
export type Alert = LocalStatus['alerts'][number];

const known: Readonly<Record<string, { name: Record<Lang, string> }>> = conditions;
const graver = { critical: 0, warning: 1, info: 2 } as const;

/** The first line answers: the gravest fault and how many more, or that all is well. */
export function firstSentence(status: Seen, nowUtc: number, lang: Lang): string {
  const t = siteWords[lang];
  const [gravest, ...rest] = gravestFirst(status.alerts);
  if (gravest) {
    const more = rest.length > 0 ? ` ${t.more(rest.length)}` : '';
    return `${aboutOf(status, gravest)}${saidOf(gravest, lang) ?? gravest.detail}, ${since(nowUtc - gravest.since, lang)}.${more}`;
  }
  const { cameras } = status.health;
  if (cameras === undefined) return t.relay;
  const idle = cameras.filter(({ state }) => state !== 'recording').length;
  return idle > 0 ? t.starting(idle) : t.allWell(cameras.length);
}

/** An alert's sentence in the reader's language; undefined where nobody has it in that. */
export function saidOf({ key, detail }: Alert, lang: Lang): string | undefined {
  return inLanguage(key, detail, lang);
}

/** `Parcheggio nord (cam-1)`: by its name, then its id. */
export function cameraName({ names }: Pick<Seen, 'names'>, id: string): string {
  const name = names?.[id];
  return name === undefined || name === id ? id : `${name} (${id})`;
}

/**
 * Since when a camera is in its state. What does not record does not since its newest segment: the program that says so
 * may have started a minute ago.
 */
export function stateSince({ state, since: told, newestSegment }: Camera): number | undefined {
  if (state === 'recording' || told === undefined || newestSegment === undefined) return told;
  return Math.min(told, newestSegment);
}

/** How many conditions are judged, and by name which cannot be told now, each with how often; nothing where nobody says. */
export function checksText({ conditions: judged }: Seen, lang: Lang): string | undefined {
  if (judged === undefined) return undefined;
  const unknown = new Map<string, number>();
  for (const { key, name, state } of judged) {
    const said = known[key.split('.', 1)[0] as string]?.name[lang] ?? name;
    if (state === 'unknown') unknown.set(said, (unknown.get(said) ?? 0) + 1);
  }
  const names = [...unknown].map(([name, count]) => (count === 1 ? name : `${name} (${count})`));
  return siteWords[lang].checks(judged.length, names);
}

/** Gravest first, then oldest. */
export function gravestFirst(alerts: readonly Alert[]): Alert[] {
  return [...alerts].sort((a, b) => graver[a.severity] - graver[b.severity] || a.since - b.since);
}

function subjectOf(alert: Alert): string {
  return alert.key.slice(alert.key.indexOf('.') + 1);
}

/** What stands in front of an alert's sentence: a camera by name; the box itself needs none. */
export function aboutOf(status: Seen, alert: Alert): string {
  const subject = subjectOf(alert);
  const isCamera = status.health.cameras?.some(({ id }) => id === subject) ?? false;
  return isCamera ? `${cameraName(status, subject)}: ` : '';
}

/** Cameras with their states, worst first. */
export function worstFirst(status: Seen): { camera: Camera; state: State }[] {
  return (status.health.cameras ?? [])
    .map((camera) => {
      const about = status.alerts.filter((alert) => subjectOf(alert) === camera.id);
      const severities = about.map(({ severity }) => severity);
      return { camera, state: cameraState(camera.state, severities) };
    })
    .sort(
      (a, b) => byState(a.state, b.state) || a.camera.id.localeCompare(b.camera.id, 'en', { numeric: true }),
    );
}
