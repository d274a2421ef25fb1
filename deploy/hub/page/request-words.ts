import type { Lang } from '#agent/view/states.ts';
import type { RequestForm } from './request-form.ts';

interface RequestWords {
  title: string;
  link: string;
  what: string;
  why: string;
  field: Record<keyof RequestForm, string>;
  personsHint: string;
  show: string;
  enter: string;
  /** Sets an end of the window to the moment that was pointed at. */
  fromHere: string;
  toHere: string;
  choose: string;
  noWindow: string;
  wrong(fields: string): string;
  entered(id: string): string;
  /** What the operator types, and then the officer. */
  next: string;
  thenOfficer: string;
  unknown: string;
  /** The disk refuses. */
  notKept: string;
}

const it: RequestWords = {
  title: 'Nuova richiesta',
  link: 'Nuova richiesta',
  what: 'Che cosa',
  why: 'Chi la chiede e perché',
  field: {
    cameras: 'Telecamere',
    from: 'Dalle',
    to: 'Alle',
    protocol: 'Numero di protocollo',
    date: 'Data della richiesta',
    authority: 'Autorità o persona che chiede',
    persons: 'Incaricati della visione o del ritiro',
    purpose: 'Finalità (art. 8)',
    reason: 'Motivo',
  },
  personsHint: 'uno per riga: nome, qualifica (art. 7 c. 3)',
  show: 'Mostra che cosa è registrato',
  enter: 'Iscrivi nel registro',
  fromHere: 'Da qui',
  toHere: 'Fino a qui',
  choose: 'Scegliere una telecamera e l’intervallo: qui si vede che cosa è registrato, prima di chiederlo.',
  noWindow: 'Le due ore non fanno un intervallo.',
  wrong: (fields) => `Manca o non va: ${fields}.`,
  entered: (id) => `La richiesta ${id} è nel registro.`,
  next: 'L’incaricato prepara e firma sul proprio dispositivo; la pagina non firma nulla:',
  thenOfficer: 'poi il responsabile la legge, la autorizza e la segue:',
  unknown: 'Questa richiesta non c’è.',
  notKept:
    'Il disco del municipio non tiene più nulla: la richiesta non è nel registro. Ritentare quando c’è di nuovo posto.',
};

const en: RequestWords = {
  title: 'New request',
  link: 'New request',
  what: 'What',
  why: 'Who asks for it, and why',
  field: {
    cameras: 'Cameras',
    from: 'From',
    to: 'To',
    protocol: 'Protocol number',
    date: 'Date of the request',
    authority: 'Authority or person who asks',
    persons: 'Charged with viewing or taking the pictures',
    purpose: 'Purpose (Art. 8)',
    reason: 'Reason',
  },
  personsHint: 'one a line: name, qualification (Art. 7 c. 3)',
  show: 'Show what is recorded',
  enter: 'Enter in the register',
  fromHere: 'From here',
  toHere: 'To here',
  choose: 'Choose a camera and a time: what is recorded shows here, before anybody asks for it.',
  noWindow: 'These two times are no interval.',
  wrong: (fields) => `Missing, or not as it should be: ${fields}.`,
  entered: (id) => `Request ${id} is in the register.`,
  next: 'The operator prepares and signs on a device of their own; this page signs nothing:',
  thenOfficer: 'then the officer reads, authorises and follows it:',
  unknown: 'There is no such request.',
  notKept:
    'The disk of the town hall takes nothing: the request is not in the register. Try again when there is room.',
};

export const requestWords: Readonly<Record<Lang, RequestWords>> = { it, en };
