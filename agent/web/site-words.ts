import type { Lang } from '../view/states.ts';

/** What the maintainer reads on the agent's page. */
export interface SiteWords {
  allWell(cameras: number): string;
  relay: string;
  starting(cameras: number): string;
  more(alerts: number): string;
  alerts: string;
  noAlerts: string;
  cameras: string;
  links: string;
  noLinks: string;
  box: string;
  legend: string;
  keys: string;
  state: Record<'recording' | 'connecting' | 'failed', string>;
  bitrate: string;
  fps: string;
  newest: string;
  ago(length: string): string;
  none: string;
  format: string;
  interruptions(count: number): string;
  gapHead: [from: string, to: string, length: string, cause: string];
  andMore(count: number): string;
  lost: (packets: string) => string;
  link: Record<'up' | 'down' | 'unknown', string>;
  loss: string;
  delay: string;
  jitter: string;
  signal: string;
  capacity: string;
  clock: Record<'synced' | 'unknown' | 'unsynchronised' | 'stepped', string>;
  boot: Record<'orderly' | 'crash' | 'power' | 'unknown', string>;
  facts: Record<
    | 'clock'
    | 'disk'
    | 'room'
    | 'memory'
    | 'load'
    | 'heat'
    | 'hub'
    | 'checks'
    | 'machine'
    | 'program'
    | 'version',
    string
  >;
  free(free: string, total: string): string;
  fits(length: string): string;
  up(length: string, boot: string): string;
  hub(connected: boolean, reconnects: number): string;
  /** How many conditions are judged, and which of them nobody can tell. */
  checks(all: number, unknown: readonly string[]): string;
  curve(least: string, most: string): string;
  picture: string;
  /** What pictures of a camera are judged to be; nobody sees them for it. */
  verdict: Record<'ok' | 'unknown' | 'black' | 'blinded' | 'frozen' | 'blurred' | 'moved', string>;
}

const it: SiteWords = {
  allWell: (cameras) =>
    cameras === 1
      ? 'Tutto regolare: 1 telecamera registra.'
      : `Tutto regolare: ${cameras} telecamere registrano.`,
  relay: 'Tutto regolare: nodo senza telecamere.',
  starting: (cameras) =>
    cameras === 1 ? '1 telecamera non registra ancora.' : `${cameras} telecamere non registrano ancora.`,
  more: (alerts) => (alerts === 1 ? 'Un altro avviso.' : `Altri ${alerts} avvisi.`),
  alerts: 'Avvisi',
  noAlerts: 'Nessun avviso.',
  cameras: 'Telecamere, ultimi sette giorni',
  links: 'Collegamenti',
  noLinks: 'Nessun collegamento configurato.',
  box: 'Il box',
  legend: 'Legenda',
  keys: 'Su una striscia: frecce destra e sinistra un quarto d’ora (con Maiusc un minuto), su e giù alle interruzioni, Pagina un giorno.',
  state: { recording: 'registra', connecting: 'si collega', failed: 'non registra' },
  bitrate: 'bitrate',
  fps: 'immagini al secondo',
  newest: 'ultimo segmento',
  ago: (length) => `${length} fa`,
  none: 'nessuno',
  format: 'formato',
  interruptions: (count) => (count === 1 ? '1 interruzione' : `${count} interruzioni`),
  gapHead: ['dalle', 'alle', 'durata', 'causa'],
  andMore: (count) => `e altre ${count} più vecchie`,
  lost: (packets) => `${packets} pacchetti persi`,
  link: { up: 'collegato', down: 'interrotto', unknown: 'non misurato' },
  loss: 'perdite',
  delay: 'andata e ritorno',
  jitter: 'variazione',
  signal: 'segnale',
  capacity: 'capacità',
  clock: {
    synced: 'sincronizzato',
    unknown: 'non verificabile',
    unsynchronised: 'non sincronizzato',
    stepped: 'corretto da poco',
  },
  boot: {
    orderly: 'riavvio regolare',
    crash: 'ultimo avvio dopo un blocco',
    power: 'ultimo avvio dopo mancanza di corrente',
    unknown: 'motivo dell’ultimo avvio ignoto',
  },
  facts: {
    clock: 'orologio',
    disk: 'disco',
    room: 'spazio',
    memory: 'memoria',
    load: 'carico',
    heat: 'temperatura',
    hub: 'municipio',
    checks: 'controlli',
    machine: 'box acceso',
    program: 'programma avviato',
    version: 'versione',
  },
  free: (free, total) => `${free} liberi di ${total}`,
  fits: (length) => `per ${length} ai bitrate di ora`,
  up: (length, boot) => `da ${length}${boot}`,
  hub: (connected, reconnects) =>
    `${connected ? 'collegato' : 'non raggiungibile'}${reconnects > 0 ? `, ${reconnects} riconnessioni` : ''}`,
  checks: (all, unknown) =>
    unknown.length === 0 ? `${all}` : `${all}; non verificabili: ${unknown.join(', ')}`,
  curve: (least, most) => `ultime due ore: da ${least} a ${most}`,
  picture: 'inquadratura',
  verdict: {
    ok: 'regolare',
    unknown: 'non giudicabile',
    black: 'nera',
    blinded: 'abbagliata',
    frozen: 'bloccata',
    blurred: 'sfocata o coperta',
    moved: 'spostata',
  },
};

const en: SiteWords = {
  allWell: (cameras) =>
    cameras === 1 ? 'All well: 1 camera records.' : `All well: ${cameras} cameras record.`,
  relay: 'All well: a node without cameras.',
  starting: (cameras) =>
    cameras === 1 ? '1 camera does not record yet.' : `${cameras} cameras do not record yet.`,
  more: (alerts) => (alerts === 1 ? 'One more alert.' : `${alerts} more alerts.`),
  alerts: 'Alerts',
  noAlerts: 'No alert.',
  cameras: 'Cameras, the last seven days',
  links: 'Links',
  noLinks: 'No link is configured.',
  box: 'The box',
  legend: 'Legend',
  keys: 'On a strip: left and right arrows a quarter of an hour (with Shift a minute), up and down to the interruptions, Page a day.',
  state: { recording: 'recording', connecting: 'connecting', failed: 'not recording' },
  bitrate: 'bitrate',
  fps: 'frames per second',
  newest: 'newest segment',
  ago: (length) => `${length} ago`,
  none: 'none',
  format: 'format',
  interruptions: (count) => (count === 1 ? '1 interruption' : `${count} interruptions`),
  gapHead: ['from', 'to', 'length', 'cause'],
  andMore: (count) => `and ${count} older ones`,
  lost: (packets) => `${packets} packets lost`,
  link: { up: 'up', down: 'down', unknown: 'not measured' },
  loss: 'loss',
  delay: 'round trip',
  jitter: 'jitter',
  signal: 'signal',
  capacity: 'capacity',
  clock: {
    synced: 'synchronised',
    unknown: 'not verifiable',
    unsynchronised: 'not synchronised',
    stepped: 'just corrected',
  },
  boot: {
    orderly: 'orderly restart',
    crash: 'last start after a crash',
    power: 'last start after a power cut',
    unknown: 'reason of the last start unknown',
  },
  facts: {
    clock: 'clock',
    disk: 'disk',
    room: 'room',
    memory: 'memory',
    load: 'load',
    heat: 'temperature',
    hub: 'town hall',
    checks: 'checks',
    machine: 'box up',
    program: 'program started',
    version: 'version',
  },
  free: (free, total) => `${free} free of ${total}`,
  fits: (length) => `for ${length} at the bitrates of now`,
  up: (length, boot) => `for ${length}${boot}`,
  hub: (connected, reconnects) =>
    `${connected ? 'connected' : 'out of reach'}${reconnects > 0 ? `, ${reconnects} reconnections` : ''}`,
  checks: (all, unknown) =>
    unknown.length === 0 ? `${all}` : `${all}; cannot be told: ${unknown.join(', ')}`,
  curve: (least, most) => `the last two hours: ${least} to ${most}`,
  picture: 'view',
  verdict: {
    ok: 'as it should be',
    unknown: 'cannot be judged',
    black: 'black',
    blinded: 'blinded',
    frozen: 'frozen',
    blurred: 'out of focus or covered',
    moved: 'moved',
  },
};

export const siteWords: Readonly<Record<Lang, SiteWords>> = { it, en };
