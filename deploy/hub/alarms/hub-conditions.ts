import { conditionOf } from './alarm.ts';

interface Words {
  it: string;
  en: string;
}

/** What the hub itself notices, as a row of a table. */
export interface HubCondition {
  /** `cases`: it speaks of a request, and is not for who maintains the fleet (Art. 6 c. 4, 8). */
  about: 'fleet' | 'cases';
  severity: 'info' | 'warning' | 'critical';
  /** For the documentation. */
  when: string;
  name: Words;
  cause: Words;
  /** What to do first: in Italian an infinitive. */
  check: Words;
}

/** A key that is not here is about cases: nobody sees by an oversight what he must not. */
export const hubConditions: Readonly<Record<string, HubCondition>> = {
  'node-down': {
    about: 'fleet',
    severity: 'critical',
    when: 'the broker tells the last will of a node, and nothing explains it within 21 s',
    name: { it: 'nodo muto', en: 'node silent' },
    cause: {
      it: 'manca la corrente, il box è fermo o il collegamento è interrotto',
      en: 'no mains, a box that stands still, or a broken link',
    },
    check: {
      it: 'controllare l’alimentazione del nodo, poi il ponte radio',
      en: 'check the mains of the node, then its radio link',
    },
  },
  'all-silent': {
    about: 'fleet',
    severity: 'critical',
    when: 'every node is silent, and most of them fell silent within a minute',
    name: { it: 'nessun nodo risponde', en: 'no node answers' },
    cause: {
      it: 'il broker, la rete del municipio o il municipio stesso: non i siti',
      en: 'the broker, the network of the town hall or the town hall itself: not the sites',
    },
    check: {
      it: 'controllare il broker (systemctl status mosquitto), poi lo switch e il ponte radio del municipio',
      en: 'check the broker (systemctl status mosquitto), then switch and radio of the town hall',
    },
  },
  'broker-down': {
    about: 'fleet',
    severity: 'critical',
    when: 'the hub has had no connection to the broker for 15 s',
    name: { it: 'broker non raggiungibile', en: 'broker out of reach' },
    cause: {
      it: 'il broker è fermo o rifiuta il municipio; i siti continuano a registrare',
      en: 'the broker stands still or refuses the hub; the sites go on recording',
    },
    check: {
      it: 'controllare il broker (systemctl status mosquitto), poi la scadenza dei certificati',
      en: 'check the broker (systemctl status mosquitto), then when the certificates expire',
    },
  },
  'disk-low': {
    about: 'fleet',
    severity: 'warning',
    when: 'less than 1 GiB is free where the hub keeps its data; critical below 256 MiB or 1000 files, when no delivery is taken any more; over a quarter above',
    name: { it: 'disco del municipio quasi pieno', en: 'disk of the town hall almost full' },
    cause: {
      it: 'consegne di casi che nessuno ha chiuso, o altri programmi su quel disco',
      en: 'deliveries of cases that nobody closed, or other programs on that disk',
    },
    check: {
      it: 'controllare che cosa occupa il disco del municipio (df, du), poi chiudere i casi che non servono più',
      en: 'check what takes the disk of the town hall (df, du), then close the cases that are not needed any more',
    },
  },
  'disk-refusing': {
    about: 'fleet',
    severity: 'critical',
    when: 'the disk of the hub refused a write; over when it takes one, with 8 MiB to spare, and everything was read anew',
    name: { it: 'il disco del municipio non scrive', en: 'the disk of the town hall takes nothing' },
    cause: {
      it: 'il disco è pieno, guasto o diventato di sola lettura: nulla di ciò che era scritto va perso',
      en: 'the disk is full, failing or became read-only: nothing is lost of what was written',
    },
    check: {
      it: 'controllare il disco del municipio (df, dmesg), poi fare posto o sostituirlo: il resto riparte da solo',
      en: 'check the disk of the town hall (df, dmesg), then make room or exchange it: the rest begins again by itself',
    },
  },
  'certificate-expiring': {
    about: 'fleet',
    severity: 'warning',
    when: 'the certificate of hub, broker or authority, or the list of revoked ones, ends within 30 days; critical past it',
    name: { it: 'certificato in scadenza', en: 'certificate expiring' },
    cause: {
      it: 'i certificati valgono 825 giorni, quello dell’autorità dieci anni',
      en: 'certificates last 825 days, the authority’s ten years',
    },
    check: {
      it: 'rinnovarlo (peio-hub ca renew, con il supporto dell’autorità), poi riavviare il broker e il programma del municipio',
      en: 'renew it (peio-hub ca renew, with the authority’s medium), then restart broker and hub',
    },
  },
  'checkpoint-missing': {
    about: 'fleet',
    severity: 'critical',
    when: 'a node has shown no good head of its log for 15 min',
    name: { it: 'registro del nodo non mostrato', en: 'log of the node not shown' },
    cause: { it: 'il programma sul nodo è fermo o bloccato', en: 'the program on the node stopped or hangs' },
    check: {
      it: 'controllare il programma sul nodo (systemctl status peio-agent)',
      en: 'check the program on the node (systemctl status peio-agent)',
    },
  },
  'checkpoint-refused': {
    about: 'fleet',
    severity: 'critical',
    when: 'a head is not signed by its node',
    name: { it: 'testa del registro rifiutata', en: 'head of the log refused' },
    cause: { it: 'chiave del nodo sbagliata o sostituita', en: 'a wrong or exchanged key of the node' },
    check: {
      it: 'controllare la chiave del nodo nella policy',
      en: 'check the key of the node in the policy',
    },
  },
  'mirror-broken': {
    about: 'fleet',
    severity: 'critical',
    when: 'the copy of a node’s log at the hub is damaged',
    name: { it: 'copia del registro danneggiata', en: 'copy of the log damaged' },
    cause: { it: 'il disco del municipio', en: 'the disk of the town hall' },
    check: {
      it: 'controllare il disco del municipio, poi la copia di sicurezza',
      en: 'check the disk of the town hall, then its backup',
    },
  },
  'log-fork': {
    about: 'fleet',
    severity: 'critical',
    when: 'a node shows another history than the one shown before; stays until a person has looked',
    name: { it: 'registro diverso da quello mostrato', en: 'log differs from the one shown' },
    cause: { it: 'registro riscritto, o apparato sostituito', en: 'a rewritten log, or an exchanged box' },
    check: {
      it: 'avvisare il titolare, senza spegnere il nodo',
      en: 'tell the controller, and do not switch the node off',
    },
  },
  'log-rollback': {
    about: 'fleet',
    severity: 'critical',
    when: 'a node’s log is shorter than what was cosigned',
    name: { it: 'registro accorciato', en: 'log shortened' },
    cause: { it: 'disco sostituito o ripristinato', en: 'a disk that was exchanged or restored' },
    check: { it: 'chiedere chi ha lavorato sul nodo', en: 'ask who worked at the node' },
  },
  'log-line': {
    about: 'fleet',
    severity: 'critical',
    when: 'a node sends lines of its log that are none',
    name: { it: 'righe di registro non valide', en: 'lines of the log that are none' },
    cause: { it: 'versione sbagliata o disturbo sul broker', en: 'a wrong version, or noise on the broker' },
    check: {
      it: 'controllare la versione del programma sul nodo',
      en: 'check the version of the program on the node',
    },
  },
  'policy-fork': {
    about: 'fleet',
    severity: 'critical',
    when: 'a node follows other rules under the same number; stays until a person has looked',
    name: { it: 'regole diverse', en: 'other rules' },
    cause: { it: 'due policy con lo stesso numero', en: 'two policies of one number' },
    check: { it: 'avvisare il titolare', en: 'tell the controller' },
  },
  'policy-rollback': {
    about: 'fleet',
    severity: 'critical',
    when: 'a node went back to earlier rules',
    name: { it: 'regole tornate indietro', en: 'rules went back' },
    cause: { it: 'disco sostituito o ripristinato', en: 'a disk that was exchanged or restored' },
    check: { it: 'chiedere chi ha lavorato sul nodo', en: 'ask who worked at the node' },
  },
  'policy-behind': {
    about: 'fleet',
    severity: 'critical',
    when: 'a node has followed superseded rules for 15 min',
    name: { it: 'regole superate', en: 'superseded rules' },
    cause: { it: 'le regole nuove non arrivano al nodo', en: 'new rules do not reach the node' },
    check: {
      it: 'controllare il collegamento, poi portare le regole con una chiavetta',
      en: 'check the link, then carry the rules on a stick',
    },
  },
  'delivery-failed': {
    about: 'fleet',
    severity: 'warning',
    when: 'a way out (mail, webhook, Alertmanager) has failed for 2 min; nothing is lost, it is tried on',
    name: { it: 'avvisi non consegnati', en: 'alarms not delivered' },
    cause: {
      it: 'il server di destinazione non risponde o rifiuta',
      en: 'the server there does not answer, or refuses',
    },
    check: {
      it: 'controllare indirizzo, utente e password in hub.yaml, poi la rete verso quel server',
      en: 'check address, user and password in hub.yaml, then the network to that server',
    },
  },
  'drill-overdue': {
    about: 'cases',
    severity: 'warning',
    when: 'no drill of the escrow passed for 35 days',
    name: { it: 'prova della chiave di riserva scaduta', en: 'escrow drill overdue' },
    cause: { it: 'nessuno ha provato la chiave di riserva', en: 'nobody proved the escrow identity' },
    check: {
      it: 'eseguire peio-hub drill con chi custodisce la chiave',
      en: 'run peio-hub drill with who keeps the identity',
    },
  },
  'case-overdue': {
    about: 'cases',
    severity: 'warning',
    when: 'a case is past its day of review (Art. 9 c. 1 lett. g)',
    name: { it: 'caso da rivedere', en: 'case to be reviewed' },
    cause: { it: 'il giorno stabilito è passato', en: 'its day has passed' },
    check: { it: 'chiudere il caso o fissare un altro giorno', en: 'close the case, or set another day' },
  },
  'hold-releasing': {
    about: 'cases',
    severity: 'warning',
    when: 'a release was carried out, and its hold ends within a day',
    name: { it: 'conservazione revocata', en: 'hold released' },
    cause: { it: 'un ordine firmato da due persone', en: 'an order signed by two persons' },
    check: {
      it: 'ordinare entro il giorno una nuova conservazione, se le immagini servono ancora',
      en: 'order another hold within the day, if the footage is still needed',
    },
  },
};

/** Whether who maintains the fleet may know of it. What a node says never speaks of requests, holds or extractions. */
export function isForMaintenance({ from, key }: { from: 'node' | 'hub'; key: string }): boolean {
  return from === 'node' || hubConditions[conditionOf(key)]?.about === 'fleet';
}

/** The page of the documentation that is made from this table. */
export function hubConditionsPage(): string {
  const all = Object.entries(hubConditions);
  return [
    '# Every condition the hub raises itself',
    '',
    'Made from `hub-conditions.ts` by `test/unit/hub-alarm-table-make.ts`; a test holds it to it. What nodes raise stands in',
    '[agent/alert/conditions.md](../../../agent/alert/conditions.md).',
    '',
    '| condition | severity | told to | raised when |',
    '| --- | --- | --- | --- |',
    ...all.map(
      ([name, { severity, about, when }]) =>
        `| ${[`\`${name}\``, severity, about === 'fleet' ? 'maintenance' : 'the office', when].join(' | ')} |`,
    ),
    '',
    'What staff read:',
    '',
    ...all.map(
      ([name, { name: title, cause, check }]) =>
        `- \`${name}\`, _${title.it}_. Causa probabile: ${cause.it}. Per prima cosa: ${check.it}.`,
    ),
    '',
  ].join('\n');
}
