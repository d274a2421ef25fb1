import type { Condition } from './condition.ts';

const second = 1000;
const minute = 60 * second;

export const linkConditions = {
  'link-down': {
    subject: 'link',
    severity: 'critical',
    when: 'eight probes in a row, the last seven 2 s apart, have no answer',
    raiseAfterMs: 0,
    clearAfterMs: 10 * second,
    name: { it: 'collegamento interrotto', en: 'link down' },
    reasons: {
      'no-answer': {
        it: 'nessuna risposta da {to}: controllare alimentazione e puntamento del ponte radio',
        en: 'no answer from {to}: check power and alignment of the radio',
      },
      'no-snmp': {
        it: "l'apparato verso {to} non risponde a SNMP: controllare alimentazione, indirizzo e community",
        en: 'the device to {to} does not answer SNMP: check power, address and community',
      },
      refused: {
        it: '{to} risponde ma il servizio misurato è spento: controllare il nodo, non il ponte radio',
        en: '{to} answers but the measured service is off: check the node, not the radio',
      },
      unresolved: {
        it: "l'indirizzo del collegamento verso {to} non esiste: controllare la configurazione",
        en: 'the address of the link to {to} does not resolve: check the configuration',
      },
    },
  },
  'link-lossy': {
    subject: 'link',
    severity: 'warning',
    when: 'of the last 100 probes 10 % and at least 8 are lost; over at 4 %',
    raiseAfterMs: minute,
    clearAfterMs: 5 * minute,
    explainedBy: ['link-down'],
    name: { it: 'collegamento con perdite', en: 'link lossy' },
    reasons: {
      loss: {
        it: 'si perde il {percent} % dei pacchetti verso {to}: controllare puntamento, ostacoli e interferenze',
        en: '{percent} % of the packets to {to} are lost: check alignment, obstacles and interference',
      },
    },
  },
  'link-slow': {
    subject: 'link',
    severity: 'warning',
    when: 'median round trip of the last 20 probes above `slow` of the link (200 ms); over at three quarters of it',
    raiseAfterMs: 2 * minute,
    clearAfterMs: 5 * minute,
    explainedBy: ['link-down'],
    name: { it: 'collegamento lento', en: 'link slow' },
    reasons: {
      delay: {
        it: 'i pacchetti verso {to} impiegano {delayMs} ms: controllare carico e velocità del ponte radio',
        en: 'packets to {to} take {delayMs} ms: check load and rate of the radio',
      },
    },
  },
  'link-weak': {
    subject: 'link',
    severity: 'warning',
    when: 'the radio reports a signal below −75 dBm or a signal-to-noise ratio below 15 dB; over 3 dB above',
    raiseAfterMs: 3 * minute,
    clearAfterMs: 10 * minute,
    explainedBy: ['link-down'],
    name: { it: 'segnale radio debole', en: 'radio signal weak' },
    reasons: {
      signal: {
        it: 'il segnale verso {to} è di {signalDbm} dBm: controllare puntamento, neve e vegetazione',
        en: 'the signal to {to} is {signalDbm} dBm: check alignment, snow and vegetation',
      },
      noise: {
        it: 'il rapporto segnale/rumore verso {to} è di {snrDb} dB: cercare interferenze, cambiare canale',
        en: 'the signal-to-noise ratio to {to} is {snrDb} dB: look for interference, change the channel',
      },
    },
  },
  'link-probe': {
    subject: 'link',
    severity: 'info',
    when: 'the device answers and refuses the question: wrong community, user or password, unknown object; or twice what nobody understands',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    explainedBy: ['link-down'],
    name: { it: 'misura del collegamento non possibile', en: 'link cannot be measured' },
    reasons: {
      auth: {
        it: "l'apparato verso {to} rifiuta le credenziali SNMP: controllare la community, oppure utente e password",
        en: 'the device to {to} refuses the SNMP credentials: check its community, or user and password',
      },
      'no-object': {
        it: "l'apparato verso {to} non fornisce i valori cercati: controllare il modello configurato",
        en: 'the device to {to} has none of the values asked for: check the configured model',
      },
      // A child on a busy box may miss its time once.
      broken: {
        raiseAfterMs: second,
        it: "l'apparato verso {to} risponde in modo incomprensibile: aggiornare il firmware",
        en: 'the device to {to} answers what nobody understands: update its firmware',
      },
      'no-program': {
        it: 'il programma ping manca o non può essere usato: installare iputils-ping',
        en: 'the program ping is missing or may not be used: install iputils-ping',
      },
    },
  },
} as const satisfies Record<string, Condition>;
