import type { CommandType } from '#protocol/command.ts';
import type { Purpose } from '#protocol/purpose.ts';
import type { RegisterKind } from '../register/register.ts';

/** What people read, in the two languages of hub.yaml. Wrong usage and internal failures are said in English. */
export interface Texts {
  lang: 'it' | 'en';
  allWell(nodes: number, cameras: number): string;
  /** How many alerts are raised, and the worst. */
  amiss(count: number, worst: string): string;
  /** Some nodes have never said anything to this hub. */
  notHeard(count: number, nodes: number): string;
  noBroker: string;
  word: Record<'ok' | 'degraded' | 'failing' | 'unknown', string>;
  since(duration: string): string;
  nodeHeading: string;
  alertHeading: string;
  acknowledged: string;
  purpose: Record<Purpose | 'maintenance', string>;
  /** What an officer is about to sign. */
  willSign: Record<CommandType, string>;
  field: Record<
    | 'camera'
    | 'from'
    | 'to'
    | 'purpose'
    | 'request'
    | 'authority'
    | 'persons'
    | 'reason'
    | 'operator'
    | 'officer'
    | 'expires'
    | 'until'
    | 'hold',
    string
  >;
  sameRequest(earlier: string, id: string): string;
  /** The hub does not have what a signed text names. */
  unknownHere: string;
  /** Behind the id of a hold. */
  unknownHold: string;
  confirm: string;
  yes: string;
  notSigned: string;
  authorised(id: string): string;
  /** The policy asks for more persons. */
  signedSoFar(id: string): string;
  caseState: Record<string, string>;
  /** Why a node refused, or a delivery failed. */
  reason: Record<string, string>;
  /** After the footage of a case was opened. */
  opened: {
    checked: string;
    file(name: string, duration: string): string;
    shows(at: string, from: string, to: string): string;
    still(path: string, at: string): string;
    originals(folder: string, count: number): string;
    /** Where the regions are drawn. */
    draw(url: string): string;
    gap(from: string, to: string, reason: string): string;
    incomplete(name: string): string;
    tampered(name: string): string;
    minutes(path: string): string;
    untilEnter: string;
    gone: string;
    /** The case was closed while they were there. */
    closed: string;
  };
  packed(file: string): string;
  /** Nothing here draws pictures: the minutes have none. */
  noStill: string;
  passphraseOnce(passphrase: string): string;
  authentic: string;
  notAuthentic: string;
  /** Of files that closing took away. */
  deleted: string;
  verified: Record<'policy' | 'evidence' | 'files' | 'contents' | 'minutes' | 'proof', string>;
  erased(files: number, size: string): string;
  act: Record<RegisterKind, string>;
  /** What was ordered. */
  order: Record<CommandType, string>;
  registerColumns: readonly string[];
  /** What the nodes' logs say of the register. */
  witnessed: {
    sentence(said: { ok: boolean; size: number; heads: number; nodes: number; newest: number }): string;
    shorter(node: string, seq: number, time: string, size: number): string;
    other(node: string, seq: number, time: string, size: number): string;
    broken(node: string): string;
  };
  reported(line: number, to: string): string;
  published(version: number, taken: boolean): string;
  drilled(passed: boolean): string;
  replaced(node: string, lines: number | undefined): string;
  demo: string;
  serving(upload: string, page: string | undefined): string;
}

/** `1 nodo`, `2 nodi`. */
export function count(number: number, one: string, several: string): string {
  return `${number} ${number === 1 ? one : several}`;
}

const it: Texts = {
  lang: 'it',
  allWell: (nodes, cameras) =>
    `Tutto regolare: ${count(nodes, 'nodo', 'nodi')}, ${count(cameras, 'telecamera', 'telecamere')}.`,
  amiss: (alerts, worst) =>
    alerts === 1 ? `Un avviso: ${worst}` : `${alerts} avvisi, il più grave: ${worst}`,
  notHeard: (missing, nodes) => `Nessuna notizia da ${count(missing, 'nodo', 'nodi')} su ${nodes}.`,
  noBroker: 'Il municipio non raggiunge il broker: quel che segue è vecchio.',
  word: { ok: '● regolare', degraded: '◐ degradato', failing: '▲ guasto', unknown: '○ ignoto' },
  since: (duration) => `da ${duration}`,
  nodeHeading: 'Nodi',
  alertHeading: 'Avvisi',
  acknowledged: 'preso in carico',
  purpose: {
    'judicial-police': 'indagini di Polizia Giudiziaria (art. 8 c. 1 lett. a)',
    defence: 'indagini difensive, art. 391-quater c.p.p. (art. 8 c. 1 lett. b)',
    'public-safety': 'sicurezza pubblica e polizia amministrativa (art. 8 c. 1 lett. c)',
    'records-access': 'accesso documentale, L.P. 23/1992 e L. 241/1990 (art. 8 c. 1 lett. d)',
    'data-subject': 'accesso dell’interessato, art. 15 GDPR (art. 8 c. 1 lett. e)',
    controller: 'finalità proprie del titolare (art. 9 ultimo comma)',
    maintenance: 'manutenzione (art. 6 c. 8)',
  },
  willSign: {
    extract: 'Si autorizza l’estrazione che segue; la firma vale come autorizzazione (art. 7 c. 4).',
    hold: 'Si ordina di conservare oltre il termine le immagini che seguono (art. 3 c. 2).',
    release: 'Si revoca la conservazione che segue: fra un giorno le immagini saranno cancellate.',
    snapshot: 'Si autorizza un solo fotogramma di adesso, per manutenzione (art. 6 c. 8).',
    probe: 'Si chiede al nodo come sta.',
  },
  field: {
    camera: 'telecamera',
    from: 'dalle',
    to: 'alle',
    purpose: 'finalità',
    request: 'richiesta',
    authority: 'richiedente',
    persons: 'incaricati',
    reason: 'motivo',
    operator: 'preparata da',
    officer: 'responsabile',
    expires: 'scade',
    until: 'conservare fino',
    hold: 'conservazione',
  },
  sameRequest: (earlier, id) =>
    `La richiesta ${earlier} dice lo stesso. Se è la medesima, una è di troppo: hub reject ${id} --reason doppione`,
  unknownHere: 'non noto a questo municipio',
  unknownHold:
    'NON NOTA: il municipio non mostra l’ordine firmato, chiedere che cosa conserva prima di firmare',
  confirm: 'Firmare? (sì/no) ',
  yes: 's',
  notSigned: 'Non firmato: nulla è cambiato.',
  authorised: (id) => `Autorizzato e spedito: hub follow ${id}`,
  signedSoFar: (id) => `Firmato; le regole chiedono un’altra firma: hub authorise ${id}`,
  caseState: {
    prepared: 'preparato: manca la firma del responsabile',
    authorised: 'autorizzato, in attesa del nodo',
    accepted: 'accettato dal nodo',
    running: 'in consegna',
    done: 'consegnato dal nodo, in verifica',
    complete: 'completo: tutti i file sono arrivati e verificati',
    executed: 'eseguito dal nodo',
    refused: 'rifiutato dal nodo',
    failed: 'non riuscito',
    closing: 'in chiusura',
    closed: 'chiuso: filmati cancellati',
  },
  reason: {
    malformed: 'il comando non è leggibile',
    'too-large': 'il comando è troppo grande',
    'bad-signature': 'una firma non è valida',
    'missing-signature': 'manca una firma',
    'wrong-node': 'il comando è per un altro nodo',
    expired: 'il comando è scaduto',
    'not-yet-valid': 'il comando è datato nel futuro',
    replayed: 'un altro comando ha usato lo stesso numero',
    'stale-policy': 'le regole sono cambiate: prepararlo di nuovo',
    'policy-missing': 'il nodo non ha ancora le regole nuove',
    'unknown-camera': 'il nodo non ha questa telecamera',
    'outside-retention': 'le immagini richieste non ci sono più, o non ancora',
    'purpose-not-allowed': 'la finalità non è ammessa',
    'unknown-hold': 'il nodo non ha questa conservazione',
    'clock-untrusted': 'l’orologio del nodo non è affidabile',
    busy: 'il nodo è occupato: riprovare più tardi',
  },
  opened: {
    checked: 'Firme e impronte verificate; la visione è annotata nel registro.',
    file: (name, duration) => `${name} (${duration})`,
    shows: (at, from, to) => `  da ${at}: ${from} – ${to}`,
    still: (path, at) => `${path}: ${at}`,
    originals: (folder, segments) => `${folder}: ${count(segments, 'segmento', 'segmenti')} come registrati`,
    draw: (url) => `Disegnare le zone qui, in una finestra anonima: ${url}`,
    gap: (from, to, reason) => `  manca ${from} – ${to}: ${reason}`,
    incomplete: (name) => `  ${name} finisce prima: interrotto da un guasto del nodo`,
    tampered: (name) => `  ${name} NON è come il nodo l'ha sigillato: si vede solo la parte autentica`,
    minutes: (path) => `Verbale: ${path}`,
    untilEnter: 'Premere Invio per chiudere: le immagini in chiaro spariscono.',
    gone: 'Immagini in chiaro rimosse.',
    closed: 'Il caso è stato chiuso: immagini in chiaro rimosse.',
  },
  packed: (file) => `Copia cifrata in ${file}`,
  noStill: 'Nessun fotogramma nel verbale: manca ffmpeg.',
  passphraseOnce: (passphrase) =>
    `Passphrase (mostrata solo ora, da comunicare per altra via): ${passphrase}`,
  authentic: 'Autentico: ogni firma e ogni impronta è quella giusta.',
  notAuthentic: 'NON autentico: qualcosa non è come è stato firmato.',
  deleted: 'cancellati alla chiusura del caso',
  verified: {
    policy: 'regole firmate dal titolare',
    evidence: 'comando firmato da incaricato e responsabile, manifesto firmato dal nodo',
    files: 'impronte dei file',
    contents: 'elenco firmato dal municipio',
    minutes: 'verbale firmato dal municipio, per questo caso e queste immagini',
    proof: 'riga nel registro del nodo, controfirmata dal municipio',
  },
  erased: (files, size) =>
    `Chiuso: ${files} file cancellati (${size}); manifesto, impronte e registro restano.`,
  act: {
    request: 'richiesta',
    rejected: 'respinta',
    prepared: 'preparata',
    signed: 'firmata',
    authorised: 'autorizzata',
    answered: 'esito',
    delivered: 'consegnata',
    opened: 'visione',
    minutes: 'verbale',
    packaged: 'copia',
    reported: 'segnalata',
    closed: 'chiusa',
    policy: 'regole',
    imported: 'da chiavetta',
    drill: 'prova',
    replaced: 'apparato sostituito',
  },
  order: {
    extract: 'estrazione',
    hold: 'conservazione',
    release: 'revoca',
    snapshot: 'fotogramma',
    probe: 'stato',
  },
  witnessed: {
    sentence: ({ ok, size, heads, nodes, newest }) =>
      heads === 0
        ? `Registro di ${size} righe: nessun nodo ne ha ancora scritto la testa.`
        : ok
          ? `Registro di ${size} righe: concorda con ${heads} teste scritte da ${nodes} nodi, fino alla riga ${newest}.`
          : `Il registro di ${size} righe NON è quello che i nodi hanno visto: conservare tutto e avvisare il titolare.`,
    shorter: (node, seq, time, size) =>
      `${node}, riga ${seq} del suo registro (${time}): questo registro aveva ${size} righe`,
    other: (node, seq, time, size) =>
      `${node}, riga ${seq} del suo registro (${time}): la riga ${size} di questo registro era un’altra`,
    broken: (node) => `${node}: la copia del suo registro non è quella firmata, e non prova niente`,
  },
  registerColumns: [
    'riga',
    'quando',
    'quando (UTC)',
    'atto',
    'richiesta',
    'caso',
    'telecamere',
    'finalità',
    'chi',
    'dettagli',
    'impronta della riga precedente',
  ],
  reported: (line, to) => `Segnalazione a ${to} annotata alla riga ${line} del registro.`,
  published: (version, taken) =>
    taken ? `Regole ${version} in vigore e pubblicate.` : `Regole ${version}: erano già in vigore.`,
  drilled: (passed) =>
    passed
      ? 'Prova riuscita: l’identità di riserva apre tutto.'
      : 'Prova NON riuscita: avvisare il titolare oggi stesso.',
  replaced: (node, lines) =>
    `Il registro del vecchio apparato di ${node} è archiviato${lines === undefined ? '' : ` (${lines} righe)`}; il nodo ne comincia uno nuovo.`,
  demo: 'DIMOSTRAZIONE: ogni chiave è in chiaro su questa macchina. Non usare con telecamere vere.',
  serving: (upload, page) =>
    `Il municipio è in ascolto; consegne su ${upload}${page ? `, quadro su ${page}` : ''}.`,
};

const en: Texts = {
  lang: 'en',
  allWell: (nodes, cameras) =>
    `All is well: ${count(nodes, 'node', 'nodes')}, ${count(cameras, 'camera', 'cameras')}.`,
  amiss: (alerts, worst) => (alerts === 1 ? `One alert: ${worst}` : `${alerts} alerts, the worst: ${worst}`),
  notHeard: (missing, nodes) => `No word from ${missing} of ${nodes} nodes.`,
  noBroker: 'The town hall does not reach the broker: what follows is old.',
  word: { ok: '● ok', degraded: '◐ degraded', failing: '▲ failing', unknown: '○ unknown' },
  since: (duration) => `for ${duration}`,
  nodeHeading: 'Nodes',
  alertHeading: 'Alerts',
  acknowledged: 'acknowledged',
  purpose: {
    'judicial-police': 'judicial police investigation (Art. 8 c. 1 a)',
    defence: 'defence investigation, Art. 391-quater c.p.p. (Art. 8 c. 1 b)',
    'public-safety': 'public safety and administrative police (Art. 8 c. 1 c)',
    'records-access': 'access to records, L.P. 23/1992 and L. 241/1990 (Art. 8 c. 1 d)',
    'data-subject': 'data subject’s access, GDPR Art. 15 (Art. 8 c. 1 e)',
    controller: 'the controller’s own purposes (Art. 9 last paragraph)',
    maintenance: 'maintenance (Art. 6 c. 8)',
  },
  willSign: {
    extract: 'The extraction below is authorised; the signature is the authorisation (Art. 7 c. 4).',
    hold: 'The footage below is to be kept beyond its term (Art. 3 c. 2).',
    release: 'The hold below is revoked: in a day its footage goes.',
    snapshot: 'One picture of now is authorised, for maintenance (Art. 6 c. 8).',
    probe: 'The node is asked how it is.',
  },
  field: {
    camera: 'camera',
    from: 'from',
    to: 'to',
    purpose: 'purpose',
    request: 'request',
    authority: 'authority',
    persons: 'persons',
    reason: 'reason',
    operator: 'prepared by',
    officer: 'officer',
    expires: 'expires',
    until: 'keep until',
    hold: 'hold',
  },
  sameRequest: (earlier, id) =>
    `Request ${earlier} says the same. If it is that one, one is too many: hub reject ${id} --reason duplicate`,
  unknownHere: 'not known to this town hall',
  unknownHold: 'NOT KNOWN: the town hall shows no signed order of it, ask what it keeps before you sign',
  confirm: 'Sign? (yes/no) ',
  yes: 'y',
  notSigned: 'Not signed: nothing has changed.',
  authorised: (id) => `Authorised and sent: hub follow ${id}`,
  signedSoFar: (id) => `Signed; the policy asks for another signature: hub authorise ${id}`,
  caseState: {
    prepared: 'prepared: the officer’s signature is missing',
    authorised: 'authorised, waiting for the node',
    accepted: 'accepted by the node',
    running: 'being delivered',
    done: 'delivered by the node, being checked',
    complete: 'complete: every file has arrived and is verified',
    executed: 'carried out by the node',
    refused: 'refused by the node',
    failed: 'failed',
    closing: 'closing',
    closed: 'closed: footage deleted',
  },
  reason: {},
  opened: {
    checked: 'Signatures and hashes are verified; the viewing is in the register.',
    file: (name, duration) => `${name} (${duration})`,
    shows: (at, from, to) => `  from ${at}: ${from} – ${to}`,
    still: (path, at) => `${path}: ${at}`,
    originals: (folder, segments) => `${folder}: ${count(segments, 'segment', 'segments')} as recorded`,
    draw: (url) => `Draw the regions here, in a private window: ${url}`,
    gap: (from, to, reason) => `  missing ${from} – ${to}: ${reason}`,
    incomplete: (name) => `  ${name} ends early: cut by a failure at the node`,
    tampered: (name) => `  ${name} is NOT as the node sealed it: only its authentic part is shown`,
    minutes: (path) => `Minutes: ${path}`,
    untilEnter: 'Press Enter to close: the clear pictures go.',
    gone: 'Clear pictures removed.',
    closed: 'The case was closed: clear pictures removed.',
  },
  packed: (file) => `Encrypted copy in ${file}`,
  noStill: 'No picture in the minutes: there is no ffmpeg.',
  passphraseOnce: (passphrase) => `Passphrase (shown this once, to be told by another way): ${passphrase}`,
  authentic: 'Authentic: every signature and every hash is right.',
  notAuthentic: 'NOT authentic: something is not as it was signed.',
  deleted: 'deleted when the case was closed',
  verified: {
    policy: 'policy signed by the root',
    evidence: 'command signed by operator and officer, manifest signed by the node',
    files: 'hashes of the files',
    contents: 'contents signed by the hub',
    minutes: 'minutes signed by the hub, of this case and these pictures',
    proof: 'line in the node’s log, cosigned by the hub',
  },
  erased: (files, size) => `Closed: ${files} files deleted (${size}); manifest, hashes and register stay.`,
  act: {
    request: 'request',
    rejected: 'rejected',
    prepared: 'prepared',
    signed: 'signed',
    authorised: 'authorised',
    answered: 'outcome',
    delivered: 'delivered',
    opened: 'viewing',
    minutes: 'minutes',
    packaged: 'copy',
    reported: 'report',
    closed: 'closed',
    policy: 'policy',
    imported: 'from a stick',
    drill: 'drill',
    replaced: 'box replaced',
  },
  order: {
    extract: 'extraction',
    hold: 'hold',
    release: 'release',
    snapshot: 'picture',
    probe: 'probe',
  },
  witnessed: {
    sentence: ({ ok, size, heads, nodes, newest }) =>
      heads === 0
        ? `Register of ${size} lines: no node has written down its head yet.`
        : ok
          ? `Register of ${size} lines: agrees with ${heads} heads that ${nodes} nodes wrote down, up to line ${newest}.`
          : `The register of ${size} lines is NOT the one that the nodes saw: keep everything and tell the controller.`,
    shorter: (node, seq, time, size) =>
      `${node}, line ${seq} of its log (${time}): this register had ${size} lines`,
    other: (node, seq, time, size) =>
      `${node}, line ${seq} of its log (${time}): line ${size} of this register was another`,
    broken: (node) => `${node}: the copy of its log is not the one that was signed, and proves nothing`,
  },
  registerColumns: [
    'line',
    'when',
    'when (UTC)',
    'act',
    'request',
    'case',
    'cameras',
    'purpose',
    'who',
    'details',
    'hash of the line before',
  ],
  reported: (line, to) => `The report to ${to} is line ${line} of the register.`,
  published: (version, taken) =>
    taken ? `Policy ${version} is in force and published.` : `Policy ${version} was in force already.`,
  drilled: (passed) =>
    passed
      ? 'The drill passed: the escrow identity opens everything.'
      : 'The drill FAILED: tell the controller today.',
  replaced: (node, lines) =>
    `The log of the old box of ${node} is archived${lines === undefined ? '' : ` (${lines} lines)`}; the node begins a new one.`,
  demo: 'DEMONSTRATION: every key lies in the clear on this machine. Not for real cameras.',
  serving: (upload, page) =>
    `The hub is listening; deliveries at ${upload}${page ? `, its page at ${page}` : ''}.`,
};

export const texts: Record<'it' | 'en', Texts> = { it, en };
