import type { Lang } from '#agent/view/states.ts';
import type { LoginRole } from './logins.ts';

/** What is read on the town hall's page; words of requests and the register are those of the command line. */
export interface PageWords {
  title: string;
  allWell(nodes: number, cameras: number): string;
  taken(alerts: number, rest: string): string;
  cutOff(place: string, lasting: string, sites: number): string;
  more(alerts: number): string;
  silent(nodes: number, all: number): string;
  /** Shelved, or of a place where somebody works. */
  aside(alerts: number): string;
  noBroker: string;
  alerts: string;
  noAlerts: string;
  acknowledge: string;
  acknowledged(by: string): string;
  explained(alerts: number, place: string): string;
  over: string;
  shelve: string;
  unshelve: string;
  /** What follows is a time. */
  shelvedBy(by: string): string;
  shelvedAlerts(alerts: number): string;
  /** Alerts of places where somebody works. */
  resting(alerts: number): string;
  maintenance(until: string): string;
  map: string;
  nodes: string;
  wall: string;
  skipWall: string;
  wallHint: string;
  moreCameras(count: number): string;
  legend: string;
  keys: string;
  cameras(recording: number, all: number): string;
  relay: string;
  behind(place: string): string;
  /** `35 s` ago. */
  heard(length: string): string;
  neverHeard: string;
  notHeard: string;
  /** `12 min`: how old what follows is. */
  asOf(length: string): string;
  /** What the figures of a node's link are. */
  linkHint: string;
  requests: string;
  noRequests: string;
  noCase: string;
  rejected: string;
  register: string;
  registerHead: [seq: string, at: string, act: string, request: string, about: string, by: string];
  older: string;
  back: string;
  logIn: string;
  logOut: string;
  name: string;
  password: string;
  wrong: string;
  wait(seconds: number): string;
  role: Record<LoginRole, string>;
  /** What a screen on a wall is. */
  display: string;
  readOnly: string;
}

const plural = (count: number, one: string, several: string): string =>
  `${count} ${count === 1 ? one : several}`;

const it: PageWords = {
  title: 'Telecamere del Comune',
  allWell: (nodes, cameras) =>
    `Tutto regolare: ${plural(nodes, 'nodo', 'nodi')}, ${plural(cameras, 'telecamera', 'telecamere')}, 7 giorni.`,
  taken: (alerts, rest) =>
    `${alerts === 1 ? '1 avviso preso in carico' : `${alerts} avvisi presi in carico`}. Per il resto: ${rest.charAt(0).toLowerCase()}${rest.slice(1)}`,
  cutOff: (place, lasting, sites) =>
    `${place} guasto da ${lasting}: ${sites === 1 ? '1 sito coinvolto' : `${sites} siti coinvolti`}.`,
  more: (alerts) => (alerts === 1 ? 'Un altro avviso.' : `Altri ${alerts} avvisi.`),
  silent: (nodes, all) => `Nessuna notizia da ${plural(nodes, 'nodo', 'nodi')} su ${all}.`,
  aside: (alerts) => (alerts === 1 ? 'Un avviso è messo da parte.' : `${alerts} avvisi sono messi da parte.`),
  noBroker: 'Il municipio non raggiunge il broker: quel che segue è vecchio.',
  alerts: 'Avvisi',
  noAlerts: 'Nessun avviso.',
  acknowledge: 'Prendi in carico',
  acknowledged: (by) => `preso in carico da ${by}`,
  explained: (alerts, place) =>
    `${alerts === 1 ? '1 avviso spiegato' : `${alerts} avvisi spiegati`} da ${place}`,
  over: 'rientrato',
  shelve: 'Accantona',
  unshelve: 'Riprendi',
  shelvedBy: (by) => `accantonato da ${by} fino a`,
  shelvedAlerts: (alerts) => (alerts === 1 ? '1 avviso accantonato' : `${alerts} avvisi accantonati`),
  resting: (alerts) => `${plural(alerts, 'avviso', 'avvisi')} di luoghi in manutenzione`,
  maintenance: (until) => `in manutenzione fino a ${until}`,
  map: 'Mappa',
  nodes: 'Nodi, i peggiori prima',
  wall: 'Telecamere, ultimi sette giorni, le peggiori prima',
  skipWall: 'Salta le strisce',
  wallHint: 'Indicare un punto di una striscia per leggere ora, causa e durata.',
  moreCameras: (count) => `e altre ${plural(count, 'telecamera', 'telecamere')} che stanno meglio di queste`,
  legend: 'Legenda',
  keys: 'Su una striscia: frecce destra e sinistra un quarto d’ora (con Maiusc un minuto), su e giù alle interruzioni, Pagina un giorno.',
  cameras: (recording, all) =>
    recording === all
      ? plural(all, 'telecamera', 'telecamere')
      : `${recording} di ${all} ${recording === 1 ? 'registra' : 'registrano'}`,
  relay: 'ponte radio',
  behind: (place) => `fuori portata a causa di ${place}`,
  heard: (length) => `ultima notizia ${length} fa`,
  neverHeard: 'mai sentito da quando il municipio è acceso',
  notHeard: 'non si sente.',
  asOf: (length) => `Il nodo non si sente: quel che segue è di ${length} fa.`,
  linkHint: 'collegamento verso il municipio: perdite, andata e ritorno',
  requests: 'Richieste',
  noRequests: 'Nessuna richiesta.',
  noCase: 'in esame',
  rejected: 'respinta',
  register: 'Registro',
  registerHead: ['n.', 'quando', 'atto', 'richiesta', 'oggetto', 'da chi'],
  older: 'Righe più vecchie',
  back: 'Torna al quadro',
  logIn: 'Accedi',
  logOut: 'Esci',
  name: 'Nome',
  password: 'Password',
  wrong: 'Nome o password errati.',
  wait: (seconds) => `Troppi tentativi: riprovare tra ${seconds} s.`,
  role: { maintainer: 'manutentore', operator: 'incaricato', officer: 'responsabile' },
  display: 'schermo, sola lettura',
  readOnly: 'sola lettura: su questa macchina non ci sono accessi',
};

const en: PageWords = {
  title: 'Cameras of the municipality',
  allWell: (nodes, cameras) =>
    `All is well: ${plural(nodes, 'node', 'nodes')}, ${plural(cameras, 'camera', 'cameras')}, 7 days.`,
  taken: (alerts, rest) =>
    `${plural(alerts, 'alert', 'alerts')} acknowledged. Apart from that: ${rest.charAt(0).toLowerCase()}${rest.slice(1)}`,
  cutOff: (place, lasting, sites) =>
    `${place} failing for ${lasting}: ${plural(sites, 'site', 'sites')} affected.`,
  more: (alerts) => (alerts === 1 ? 'One more alert.' : `${alerts} more alerts.`),
  silent: (nodes, all) => `No word from ${nodes} of ${all} nodes.`,
  aside: (alerts) => (alerts === 1 ? 'One alert is set aside.' : `${alerts} alerts are set aside.`),
  noBroker: 'The town hall does not reach the broker: what follows is old.',
  alerts: 'Alerts',
  noAlerts: 'No alert.',
  acknowledge: 'Acknowledge',
  acknowledged: (by) => `acknowledged by ${by}`,
  explained: (alerts, place) => `${plural(alerts, 'alert', 'alerts')} explained by ${place}`,
  over: 'over',
  shelve: 'Shelve',
  unshelve: 'Take up again',
  shelvedBy: (by) => `shelved by ${by} until`,
  shelvedAlerts: (alerts) => `${plural(alerts, 'alert', 'alerts')} shelved`,
  resting: (alerts) => `${plural(alerts, 'alert', 'alerts')} of places under maintenance`,
  maintenance: (until) => `under maintenance until ${until}`,
  map: 'Map',
  nodes: 'Nodes, worst first',
  wall: 'Cameras, the last seven days, worst first',
  skipWall: 'Skip the strips',
  wallHint: 'Point at a strip to read time, cause and length.',
  moreCameras: (count) => `and ${plural(count, 'more camera', 'more cameras')} better off than these`,
  legend: 'Legend',
  keys: 'On a strip: left and right arrows a quarter of an hour (with Shift a minute), up and down to the interruptions, Page a day.',
  cameras: (recording, all) =>
    recording === all
      ? plural(all, 'camera', 'cameras')
      : `${recording} of ${all} ${recording === 1 ? 'records' : 'record'}`,
  relay: 'radio relay',
  behind: (place) => `out of reach because of ${place}`,
  heard: (length) => `last heard ${length} ago`,
  neverHeard: 'never heard since the town hall started',
  notHeard: 'not heard.',
  asOf: (length) => `The node is not heard: what follows is of ${length} ago.`,
  linkHint: 'link towards the town hall: loss, round trip',
  requests: 'Requests',
  noRequests: 'No request.',
  noCase: 'under examination',
  rejected: 'rejected',
  register: 'Register',
  registerHead: ['no.', 'when', 'act', 'request', 'about', 'by'],
  older: 'Older lines',
  back: 'Back to the overview',
  logIn: 'Log in',
  logOut: 'Log out',
  name: 'Name',
  password: 'Password',
  wrong: 'Wrong name or password.',
  wait: (seconds) => `Too many tries: again in ${seconds} s.`,
  role: { maintainer: 'maintainer', operator: 'operator', officer: 'officer' },
  display: 'display, read only',
  readOnly: 'read only: there are no logins on this machine',
};

export const pageWords: Readonly<Record<Lang, PageWords>> = { it, en };
