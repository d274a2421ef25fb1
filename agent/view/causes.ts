import type { Lang } from './states.ts';
import type { Cause } from './strip.ts';

/** Causes that are drawn alike: whoever looks at a strip asks first where to go, then what it was. */
export type Family = 'camera' | 'stream' | 'disk' | 'power' | 'agent' | 'clock' | 'unexplained' | 'unheard';

interface FamilyLook {
  it: string;
  en: string;
  /** Okabe and Ito's set. Drawn with a pattern too, see `strip-svg.ts`. */
  colour: string;
  /** In a terminal. */
  letter: string;
}

export const families: Readonly<Record<Family, FamilyLook>> = {
  camera: { it: 'telecamera muta', en: 'camera silent', colour: '#D55E00', letter: 't' },
  stream: { it: 'flusso inutilizzabile', en: 'stream unusable', colour: '#CC79A7', letter: 'f' },
  disk: { it: 'disco', en: 'disk', colour: '#E69F00', letter: 'd' },
  power: { it: 'corrente', en: 'power', colour: '#000000', letter: 'c' },
  agent: { it: 'programma fermo', en: 'program stopped', colour: '#0072B2', letter: 'p' },
  clock: { it: 'orologio', en: 'clock', colour: '#56B4E9', letter: 'o' },
  unexplained: { it: 'causa ignota', en: 'cause unknown', colour: '#999999', letter: '?' },
  unheard: { it: 'nessuna notizia', en: 'not heard of', colour: '#999999', letter: '·' },
};

/** In the maintainer's words; the code itself is the technical cause. */
export const causes: Readonly<Record<Cause, { family: Family; it: string; en: string }>> = {
  'no-connection': {
    family: 'camera',
    it: 'nessuna risposta dalla telecamera',
    en: 'no answer from the camera',
  },
  'no-data': { family: 'camera', it: 'nessun dato dalla telecamera', en: 'no data from the camera' },
  'auth-failed': {
    family: 'stream',
    it: 'utente o password rifiutati dalla telecamera',
    en: 'user or password refused by the camera',
  },
  'no-keyframe': {
    family: 'stream',
    it: 'nessuna immagine completa dalla telecamera',
    en: 'no complete picture from the camera',
  },
  'stream-error': { family: 'stream', it: 'flusso difettoso', en: 'faulty stream' },
  'unsupported-codec': {
    family: 'stream',
    it: 'formato video non supportato',
    en: 'video format not supported',
  },
  'agent-stopped': { family: 'agent', it: 'programma fermato', en: 'program stopped' },
  'agent-crashed': { family: 'agent', it: 'programma caduto', en: 'program crashed' },
  'power-lost': { family: 'power', it: 'corrente mancata', en: 'power lost' },
  'disk-full': { family: 'disk', it: 'disco pieno', en: 'disk full' },
  'disk-error': { family: 'disk', it: 'errore di scrittura sul disco', en: 'disk write error' },
  'disk-slow': { family: 'disk', it: 'disco troppo lento', en: 'disk too slow' },
  'clock-step': { family: 'clock', it: 'salto dell’orologio', en: 'step of the clock' },
  unexplained: { family: 'unexplained', it: 'causa ignota', en: 'cause unknown' },
  unheard: { family: 'unheard', it: 'nessuna notizia dal nodo', en: 'no word from the node' },
};

export function causeWords(cause: Cause, lang: Lang): string {
  return causes[cause][lang];
}

export function isCause(word: string | undefined): word is Cause {
  return word !== undefined && Object.hasOwn(causes, word);
}
