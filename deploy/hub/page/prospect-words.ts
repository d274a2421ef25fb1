import { causeWords } from '#agent/view/causes.ts';
import { bitRate, byteSize } from '#agent/view/figures.ts';
import { isGap, sumOf } from '#agent/view/strip.ts';
import { type Form, lasting, stretch } from '#agent/view/times.ts';
import type { Prospect } from './prospect.ts';

const words = {
  it: {
    nothing: 'Nulla di registrato in questa finestra: non se ne avrebbe alcuna immagine.',
    all: (length: string) => `${length}, tutto registrato.`,
    part: (length: string, recorded: string) => `${length}, di cui ${recorded} registrati.`,
    gone: (length: string) => `${length} non ci sono più: più vecchi di sette giorni`,
    coming: (length: string) => `${length} devono ancora venire`,
    unknown: (length: string, when: string) => `${length} di cui il nodo non ha ancora detto nulla: ${when}`,
    before: (length: string, when: string) => `${length} prima che la telecamera fosse registrata: ${when}`,
    missing: (length: string, cause: string, when: string) => `${length} mancano, ${cause}: ${when}`,
    more: (count: number) => (count === 1 ? 'e un’altra interruzione' : `e altre ${count} interruzioni`),
    size: (size: string, time: string, rate: string) => `Circa ${size}, ${time} a ${rate}.`,
    noSize: 'Quanto sarà grande non si sa: il nodo non dice a che bitrate registra.',
  },
  en: {
    nothing: 'Nothing is recorded in this window: it would bring no picture at all.',
    all: (length: string) => `${length}, all of it recorded.`,
    part: (length: string, recorded: string) => `${length}, of which ${recorded} are recorded.`,
    gone: (length: string) => `${length} are gone: older than seven days`,
    coming: (length: string) => `${length} are still to come`,
    unknown: (length: string, when: string) => `${length} of which the node has not told yet: ${when}`,
    before: (length: string, when: string) => `${length} before the camera was recorded: ${when}`,
    missing: (length: string, cause: string, when: string) => `${length} are missing, ${cause}: ${when}`,
    more: (count: number) => (count === 1 ? 'and one more interruption' : `and ${count} more interruptions`),
    size: (size: string, time: string, rate: string) => `About ${size}, ${time} at ${rate}.`,
    noSize: 'How large it will be is not known: the node does not say at which rate it records.',
  },
};

/** Gaps told one by one; a camera that comes and goes has hundreds. */
const mostTold = 6;

export interface ProspectWords {
  summary: string;
  /** What one asks for and will not get; empty when there is nothing to warn of. */
  warnings: string[];
  /** Size, and how long it takes on its way. */
  estimate: string;
}

/** What who asks for a window should know before anybody signs. */
export function prospectWords(prospect: Prospect, form: Form): ProspectWords {
  const { within, from, to, goneMs, comingMs } = prospect;
  const { lang } = form;
  const t = words[lang];
  const { recordedMs } = sumOf(within);
  const asked = lasting(to - from, lang);
  const lost = within.filter(({ what }) => what !== 'recorded');
  const told = lost.slice(0, mostTold).map((piece) => {
    const [length, when] = [lasting(piece.to - piece.from, lang), stretch(piece.from, piece.to, form)];
    if (piece.what === 'nothing') return t.before(length, when);
    if (piece.what === 'unheard' || !isGap(piece)) return t.unknown(length, when);
    return t.missing(length, `${causeWords(piece.what, lang)} (${piece.what})`, when);
  });
  const warnings = [
    ...(goneMs > 0 ? [t.gone(lasting(goneMs, lang))] : []),
    ...told,
    ...(lost.length > mostTold ? [t.more(lost.length - mostTold)] : []),
    ...(comingMs > 0 ? [t.coming(lasting(comingMs, lang))] : []),
  ];
  const summary =
    recordedMs === 0
      ? t.nothing
      : warnings.length === 0
        ? t.all(asked)
        : t.part(asked, lasting(recordedMs, lang));
  const { bytes, takesMs, linkBits } = prospect;
  const estimate =
    bytes === undefined || takesMs === undefined
      ? t.noSize
      : bytes === 0
        ? ''
        : t.size(byteSize(bytes, lang), lasting(takesMs, lang), bitRate(linkBits, lang));
  return { summary, warnings, estimate };
}
