import { causes, causeWords, type Family, families } from './causes.ts';
import { type Html, html } from './html.ts';
import type { Lang } from './states.ts';
import { type Interval, type Notch, notchesOf, type Piece, sumOf } from './strip.ts';
import { type Form, lasting, midnights, moment, stretch, weekday } from './times.ts';

export interface StripDrawing extends Form {
  window: Interval;
  pieces: readonly Piece[];
  /** For who reads it aloud: whose strip it is. */
  name: string;
  heightPx: number;
  /** Names of the days below the ticks. */
  days: boolean;
  /** Gaps closer together than this are one notch. */
  apartMs: number;
  /** Thin lines above the strip; only for those who may know of holds. */
  holds?: readonly Interval[];
  /** A frame around a part of it, that somebody is choosing. */
  chosen?: Interval;
  /** Black on white, to be printed. */
  print?: boolean;
}

/** A page has room for this many notches of one camera; closer ones are joined. */
const mostNotches = 300;

const words = {
  it: {
    recorded: (part: string) => `${part} registrato`,
    gaps: (count: number, missing: string) =>
      count === 0
        ? 'nessuna interruzione'
        : `${count === 1 ? '1 interruzione' : `${count} interruzioni`}, ${missing}`,
    joined: (count: number, missing: string) => `${count} interruzioni, ${missing} in tutto`,
    hold: 'conservato oltre i sette giorni',
    empty: 'nulla di registrato',
  },
  en: {
    recorded: (part: string) => `${part} recorded`,
    gaps: (count: number, missing: string) =>
      count === 0
        ? 'no interruption'
        : `${count === 1 ? '1 interruption' : `${count} interruptions`}, ${missing}`,
    joined: (count: number, missing: string) => `${count} interruptions, ${missing} in all`,
    hold: 'kept beyond the seven days',
    empty: 'nothing recorded',
  },
};

/** `99,8 % registrato, 3 interruzioni, 18 min`: never rounded up to a whole that it is not. */
export function stripSentence(pieces: readonly Piece[], lang: Lang): string {
  const { recordedMs, missingMs, gaps } = sumOf(pieces);
  const t = words[lang];
  if (recordedMs + missingMs === 0) return t.empty;
  const percent = Math.floor((1000 * recordedMs) / (recordedMs + missingMs)) / 10;
  const part = `${new Intl.NumberFormat(lang, { maximumFractionDigits: 1 }).format(percent)} %`;
  return `${t.recorded(part)}, ${t.gaps(gaps, lasting(missingMs, lang))}`;
}

/** What a notch says when it is pointed at. */
export function notchWords(notch: Notch, form: Form): string {
  const where = stretch(notch.from, notch.to, form);
  const what = `${causeWords(notch.cause, form.lang)} (${notch.cause})`;
  const length = lasting(notch.missingMs, form.lang);
  return notch.gaps === 1
    ? `${what}: ${where}, ${length}`
    : `${words[form.lang].joined(notch.gaps, length)}, ${what}: ${where}`;
}

/**
 * A camera's week: what is recorded is filled, a gap is a notch in the pattern and colour of its cause, what is not
 * known is empty. Widths are percentages, so that patterns are not stretched. Needs {@link stripPatterns} once a page.
 */
export function stripSvg(drawing: StripDrawing): Html {
  const { window, pieces, heightPx, lang } = drawing;
  const length = window.to - window.from;
  const percent = (ms: number): string => ((100 * ms) / length).toFixed(3);
  const place = ({ from, to }: Interval): Html =>
    html`x="${percent(from - window.from)}%" width="${percent(to - from)}%"`;
  const top = drawing.holds === undefined ? 0 : Math.max(3, Math.round(heightPx / 5));
  const bar = heightPx - top;
  const cut = Math.round(bar / 2);
  const print = drawing.print ? '-print' : '';
  const filled = joinedPieces(pieces).map(
    (span) =>
      html`<rect class="recorded" data-from="${Math.round(span.from)}" data-to="${Math.round(span.to)}" ${place(span)} y="${top}" height="${bar}"/>`,
  );
  const notches = notchesOf(pieces, drawing.apartMs, mostNotches).map((notch) => {
    const { family } = causes[notch.cause];
    return html`<g class="notch" data-from="${Math.round(notch.from)}" data-to="${Math.round(notch.to)}"><title>${notchWords(notch, drawing)}</title><rect class="cut" ${place(notch)} y="${top}" height="${bar}"/>${
      family !== 'unheard' &&
      html`<rect class="cause" ${place(notch)} y="${top + cut}" height="${bar - cut}" fill="url(#cause-${family}${print})" stroke="${print ? '#000000' : `var(--cause-${family})`}"/>`
    }</g>`;
  });
  const days = midnights(window.from, window.to, drawing);
  const ticks = days.map((at) => {
    const x = percent(at - window.from);
    return html`<line class="tick" x1="${x}%" x2="${x}%" y1="0" y2="${heightPx}"/>`;
  });
  const names = drawing.days && dayNames(window, drawing, heightPx + 13);
  const holds = (drawing.holds ?? []).map(
    (hold) =>
      html`<rect class="hold" ${place(hold)} y="0" height="2"><title>${words[lang].hold}: ${moment(hold.from, drawing)} – ${moment(hold.to, drawing)}</title></rect>`,
  );
  const { chosen } = drawing;
  const within = chosen && {
    from: Math.min(Math.max(chosen.from, window.from), window.to),
    to: Math.max(Math.min(chosen.to, window.to), window.from),
  };
  const frame =
    within &&
    within.from < within.to &&
    html`<rect class="chosen" ${place(within)} y="0" height="${heightPx}"/>`;
  const all = heightPx + (drawing.days ? 16 : 0);
  return html`<svg class="strip" width="100%" height="${all}" role="img" aria-label="${drawing.name}: ${stripSentence(pieces, lang)}">${filled}${notches}${ticks}${holds}${frame}${names}</svg>`;
}

/** The days of a window by name, each behind its tick. */
function dayNames(window: Interval, form: Form, y: number): Html {
  const length = window.to - window.from;
  const days = midnights(window.from, window.to, form);
  return html`${days.map((at, i) => {
    // The last one would be cut off at the right edge.
    const end = days[i + 1] ?? window.to;
    const x = ((100 * (at - window.from)) / length).toFixed(3);
    return (
      end - at > length / 12 && html`<text class="day" x="${x}%" dx="3" y="${y}">${weekday(at, form)}</text>`
    );
  })}`;
}

/** The days above many strips, which have none of their own. */
export function stripAxis(window: Interval, form: Form): Html {
  return html`<svg class="axis" width="100%" height="16" aria-hidden="true">${dayNames(window, form, 12)}</svg>`;
}

const minuteMs = 60_000;

/**
 * The strip with what a pointer, a finger or the arrow keys find on it; `id` is unique on the page. The keys of a
 * slider: a quarter of an hour, with Shift a minute; up and down to the interruptions; a day; both ends. `told` is where
 * it says what was found: in a line of its own, or in the one line of the `data-readout` around it.
 */
export function stripBox(id: string, drawing: StripDrawing, told: 'inside' | 'below' = 'inside'): Html {
  const { window, pieces, lang, name } = drawing;
  const minutes = Math.round((window.to - window.from) / minuteMs);
  return html`<div class="stripbox" id="${id}" tabindex="0" role="slider" aria-label="${name}" aria-valuemin="0" aria-valuemax="${minutes}" aria-valuenow="${minutes}" aria-valuetext="${stripSentence(pieces, lang)}" data-from="${window.from}" data-to="${window.to}">${stripSvg(drawing)}<i class="cursor" id="${id}-cursor" data-own hidden></i>${told === 'inside' && html`<span class="readout" id="${id}-readout" data-own aria-hidden="true">${stripSentence(pieces, lang)}</span>`}</div>`;
}

/** Everything that is known, recorded or not: the bar that notches are cut from. */
function joinedPieces(pieces: readonly Piece[]): Interval[] {
  const spans: Interval[] = [];
  for (const { from, to, what } of pieces) {
    if (what === 'nothing') continue;
    const last = spans.at(-1);
    if (last?.to === from) last.to = to;
    else spans.push({ from, to });
  }
  return spans;
}

/** Strokes of a pattern in a square of 6 px, besides its colour. */
const strokes: Readonly<Record<Exclude<Family, 'unheard'>, string>> = {
  camera: 'M-1,7 L7,-1 M-1,1 L1,-1 M5,7 L7,5',
  stream: 'M-1,-1 L7,7 M5,-1 L7,1 M-1,5 L1,7',
  disk: 'M1,3 h2 M4,0 h2 M4,6 h2',
  power: 'M0,3 h6 M3,0 v6',
  agent: 'M2,0 v6 M5,0 v6',
  clock: 'M0,2 h6 M0,5 h6',
  unexplained: 'M2,3 h1',
};

/** The patterns of all causes, once a page. */
export function stripPatterns(): Html {
  const pattern = (id: string, ground: string, ink: string, path: string): Html =>
    html`<pattern id="${id}" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" fill="${ground}"/><path d="${path}" stroke="${ink}" stroke-width="1.2" fill="none"/></pattern>`;
  const names = Object.keys(strokes) as (keyof typeof strokes)[];
  return html`<svg class="patterns" width="0" height="0" aria-hidden="true"><defs>${names.map((name) => [
    pattern(`cause-${name}`, `var(--cause-${name})`, 'var(--cause-ink)', strokes[name]),
    pattern(`cause-${name}-print`, '#ffffff', '#000000', strokes[name]),
  ])}</defs></svg>`;
}

/** What the patterns mean. */
export function stripLegend(lang: Lang): Html {
  const names = Object.keys(strokes) as (keyof typeof strokes)[];
  return html`<ul class="legend"><li><svg width="28" height="14" aria-hidden="true"><rect class="recorded" width="28" height="14"/></svg> ${lang === 'it' ? 'registrato' : 'recorded'}</li>${names.map(
    (name) =>
      html`<li><svg width="28" height="14" aria-hidden="true"><rect class="cause" width="28" height="14" fill="url(#cause-${name})" stroke="var(--cause-${name})"/></svg> ${families[name][lang]}</li>`,
  )}<li><svg width="28" height="14" aria-hidden="true"><rect class="empty" x="0.5" y="0.5" width="27" height="13"/></svg> ${lang === 'it' ? 'nulla, o nessuna notizia' : 'nothing, or not heard of'}</li></ul>`;
}
