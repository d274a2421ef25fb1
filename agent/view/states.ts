/** The states of everything that is shown: a word, a shape and a colour each, never the colour alone. */
export type State = 'ok' | 'degraded' | 'failing' | 'unknown' | 'affected' | 'shelved';

export type Lang = 'it' | 'en';

export interface Look {
  it: string;
  en: string;
  shape: string;
  /** Okabe and Ito's set, which every kind of colour vision can tell apart. */
  colour: string;
}

export const states: Readonly<Record<State, Look>> = {
  failing: { it: 'guasto', en: 'failing', shape: '▲', colour: '#D55E00' },
  degraded: { it: 'degradato', en: 'degraded', shape: '◐', colour: '#E69F00' },
  affected: { it: 'coinvolto', en: 'affected', shape: '△', colour: '#56B4E9' },
  unknown: { it: 'ignoto', en: 'unknown', shape: '○', colour: '#999999' },
  shelved: { it: 'in manutenzione', en: 'shelved', shape: '▢', colour: '#0072B2' },
  ok: { it: 'regolare', en: 'ok', shape: '●', colour: '#009E73' },
};

const order = Object.keys(states) as State[];

/** Worst first. */
export function byState(a: State, b: State): number {
  return order.indexOf(a) - order.indexOf(b);
}

export function worst(all: readonly State[]): State {
  return all.reduce((one, other) => (byState(one, other) <= 0 ? one : other), 'ok');
}

/** Of a camera, by what its node says of it. */
export function cameraState(camera: 'recording' | 'connecting' | 'failed', alerts: readonly string[]): State {
  if (camera === 'failed' || alerts.includes('critical')) return 'failing';
  return camera === 'connecting' || alerts.includes('warning') ? 'degraded' : 'ok';
}
