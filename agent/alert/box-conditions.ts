import type { Condition } from './condition.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

export const boxConditions = {
  'disk-error': {
    subject: 'store',
    severity: 'critical',
    when: 'a recorder cannot write, or the file system of the store is mounted read-only',
    raiseAfterMs: 4 * second,
    clearAfterMs: 30 * second,
    name: { it: 'il disco non registra', en: 'disk does not record' },
    reasons: {
      'read-only': {
        raiseAfterMs: 0,
        it: 'il disco è diventato di sola lettura e nessuna telecamera viene registrata: sostituire il disco',
        en: 'the disk has become read-only and no camera is recorded: replace the disk',
      },
      'disk-error': {
        it: 'il disco non scrive: controllare il cavo, poi sostituire il disco',
        en: 'the disk does not write: check its cable, then replace the disk',
      },
      'disk-full': {
        it: 'il disco è pieno: cercare che cosa lo riempie oltre alle registrazioni',
        en: 'the disk is full: look for what fills it besides the recordings',
      },
      'disk-slow': {
        it: 'il disco è troppo lento e si perdono immagini: sostituire il disco',
        en: 'the disk is too slow and pictures are lost: replace the disk',
      },
    },
  },
  'short-retention': {
    subject: 'store',
    severity: 'warning',
    when: 'at the rates of now the disk holds less than the retention, in bytes or in files, or already deletes before its time',
    raiseAfterMs: 10 * minute,
    clearAfterMs: hour,
    explainedBy: ['disk-error'],
    name: { it: 'disco insufficiente', en: 'disk too small' },
    reasons: {
      forecast: {
        it: 'il disco terrà {hours} ore invece di {wanted}: abbassare il bitrate o montare un disco più grande',
        en: 'the disk will hold {hours} hours instead of {wanted}: lower the bitrate or fit a larger disk',
      },
      files: {
        it: 'il disco può contenere pochi file e terrà {hours} ore invece di {wanted}: allungare i segmenti o riformattarlo con più inode',
        en: 'the disk has room for few files and will hold {hours} hours instead of {wanted}: lengthen the segments or format it with more inodes',
      },
      short: {
        it: 'il disco tiene {hours} ore invece di {wanted}, il resto è già cancellato: montare un disco più grande',
        en: 'the disk holds {hours} hours instead of {wanted}, the rest is already deleted: fit a larger disk',
      },
      'nearly-none': {
        severity: 'critical',
        it: 'il disco tiene solo {hours} ore: cercare che cosa lo riempie oltre alle registrazioni',
        en: 'the disk holds only {hours} hours: look for what fills it besides the recordings',
      },
    },
  },
  'sweep-held': {
    subject: 'store',
    severity: 'warning',
    when: 'by a clock that the hub contradicts, and no time service confirms, a sweep would delete more than a quarter of the footage at once',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    name: { it: 'cancellazione sospesa', en: 'deletion held back' },
    reasons: {
      unconfirmed: {
        it: "l'orologio, diverso da quello del municipio, farebbe cancellare il {percent} % delle registrazioni in una volta: verificare data e ora, poi il server NTP",
        en: 'the clock, other than the one of the town hall, would delete {percent} % of the footage at once: check date and time, then the NTP server',
      },
    },
  },
  'disk-dying': {
    subject: 'store',
    severity: 'warning',
    when: 'the disk says of itself that it fails (SMART), has bad sectors, is worn out, or its file system has errors',
    raiseAfterMs: 0,
    clearAfterMs: hour,
    // Replaced it is either way.
    explainedBy: ['disk-error'],
    name: { it: 'disco in avaria', en: 'disk dying' },
    reasons: {
      failing: {
        severity: 'critical',
        it: 'il disco annuncia un guasto imminente (SMART): sostituirlo subito',
        en: 'the disk announces its failure (SMART): replace it now',
      },
      'file-system': {
        severity: 'critical',
        it: 'il file system segnala errori ({errors}): preparare la sostituzione del disco',
        en: 'the file system counts errors ({errors}): prepare to replace the disk',
      },
      sectors: {
        it: 'il disco ha {sectors} settori guasti: preparare la sostituzione',
        en: 'the disk has {sectors} bad sectors: prepare to replace it',
      },
      worn: {
        it: 'il disco ha consumato il {percent} % della sua vita: preparare la sostituzione',
        en: 'the disk has used {percent} % of its life: prepare to replace it',
      },
    },
  },
  'clock-untrusted': {
    subject: 'node',
    severity: 'warning',
    when: 'the time service does not follow any source; deletion by age and commands wait',
    // After a power cut a time service takes some minutes to believe its sources.
    raiseAfterMs: 10 * minute,
    clearAfterMs: minute,
    explainedBy: ['clock-step'],
    name: { it: 'orologio non sincronizzato', en: 'clock not synchronised' },
    reasons: {
      unsynchronised: {
        it: "l'orologio non è sincronizzato: controllare il server NTP e la rete",
        en: 'the clock is not synchronised: check the NTP server and the network',
      },
    },
  },
  'clock-step': {
    subject: 'node',
    severity: 'warning',
    when: 'the clock jumped by more than 2 min while running and the hub has not confirmed it yet',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    name: { it: 'orologio spostato', en: 'clock stepped' },
    reasons: {
      stepped: {
        it: "l'orologio è saltato durante il funzionamento e si attende la conferma del municipio: controllare il server NTP",
        en: 'the clock jumped while running and the town hall has not confirmed it: check the NTP server',
      },
    },
  },
  'hub-silent': {
    subject: 'node',
    severity: 'critical',
    when: 'no valid cosignature of the hub for 1 h',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    name: { it: 'municipio muto', en: 'town hall silent' },
    reasons: {
      'no-broker': {
        it: 'da {minutes} minuti il nodo non raggiunge il municipio: controllare il collegamento, poi il server del municipio',
        en: 'the node has not reached the town hall for {minutes} minutes: check the link, then the server there',
      },
      'no-cosignature': {
        it: 'da {minutes} minuti il municipio non conferma il registro: controllare il programma al municipio',
        en: 'the town hall has not confirmed the log for {minutes} minutes: check the program there',
      },
    },
  },
  'log-broken': {
    subject: 'node',
    severity: 'critical',
    when: 'the log of this node was not what it had signed when it started; it lies aside untouched and another has begun',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    name: { it: 'registro alterato', en: 'log broken' },
    reasons: {
      aside: {
        it: 'il registro del nodo era danneggiato o alterato ({code}) ed è stato messo da parte: avvisare il titolare, senza cancellarlo',
        en: 'the log of this node was damaged or altered ({code}) and was set aside: tell the controller, and do not delete it',
      },
    },
  },
  'policy-old': {
    subject: 'node',
    severity: 'warning',
    when: 'the hub’s cosignature names a newer policy than the one in force here',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    name: { it: 'regole superate', en: 'policy old' },
    reasons: {
      older: {
        it: 'il nodo segue la versione {here} delle regole, al municipio vale la {there}: inviarla di nuovo',
        en: 'the node follows policy {here}, the town hall has {there}: send it again',
      },
    },
  },
  'certificate-expiring': {
    subject: 'node',
    severity: 'warning',
    when: 'the certificate of this node, of the broker or of their authority ends within 30 days',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    name: { it: 'certificato in scadenza', en: 'certificate expiring' },
    reasons: {
      own: {
        it: 'il certificato del nodo scade il {day}: chiederne uno nuovo (peio-agent enrol)',
        en: 'the certificate of this node ends on {day}: ask for another (peio-agent enrol)',
      },
      broker: {
        it: 'il certificato del broker scade il {day}: rinnovarlo al municipio (peio-hub ca renew)',
        en: 'the certificate of the broker ends on {day}: renew it at the town hall (peio-hub ca renew)',
      },
      authority: {
        it: 'il certificato dell’autorità del Comune scade il {day}: preparare la nuova autorità',
        en: 'the certificate of the town’s authority ends on {day}: prepare the new authority',
      },
      'own-expired': {
        severity: 'critical',
        it: 'il certificato del nodo è scaduto e il nodo non può collegarsi: chiederne uno nuovo (peio-agent enrol)',
        en: 'the certificate of this node has ended and it cannot connect: ask for another (peio-agent enrol)',
      },
      'broker-expired': {
        severity: 'critical',
        it: 'il certificato del broker è scaduto: rinnovarlo al municipio (peio-hub ca renew)',
        en: 'the certificate of the broker has ended: renew it at the town hall (peio-hub ca renew)',
      },
      'authority-expired': {
        severity: 'critical',
        it: 'il certificato dell’autorità del Comune è scaduto e nessuno può collegarsi: fare la nuova autorità',
        en: 'the certificate of the town’s authority has ended and nobody can connect: make the new authority',
      },
    },
  },
  overheating: {
    subject: 'node',
    severity: 'warning',
    when: 'a sensor is within 10 °C of its own limit (above 85 °C where it states none), or the processor slows down from heat; over 5 °C below',
    raiseAfterMs: minute,
    clearAfterMs: 5 * minute,
    name: { it: 'surriscaldamento', en: 'overheating' },
    reasons: {
      hot: {
        it: 'il box è a {celsius} °C: controllare ventilazione, polvere e sole diretto',
        en: 'the box is at {celsius} °C: check ventilation, dust and direct sun',
      },
      throttled: {
        it: 'il processore rallenta per il calore ({celsius} °C): controllare ventilazione e polvere',
        en: 'the processor slows down from heat ({celsius} °C): check ventilation and dust',
      },
    },
  },
  'memory-low': {
    subject: 'node',
    severity: 'warning',
    when: 'less than 8 % of the memory is available; over above 12 %',
    raiseAfterMs: 5 * minute,
    clearAfterMs: 5 * minute,
    name: { it: 'memoria scarsa', en: 'memory low' },
    reasons: {
      low: {
        it: 'restano {megabytes} MB di memoria: cercare che cosa la occupa, poi riavviare il box',
        en: '{megabytes} MB of memory are left: look for what takes it, then restart the box',
      },
    },
  },
  overloaded: {
    subject: 'node',
    severity: 'warning',
    when: 'load average of 5 min above twice the number of processors; over below the number',
    raiseAfterMs: 10 * minute,
    clearAfterMs: 10 * minute,
    explainedBy: ['disk-error'],
    name: { it: 'box sovraccarico', en: 'box overloaded' },
    reasons: {
      load: {
        it: 'il box ha carico {load} su {processors} processori: cercare che cosa lo occupa',
        en: 'the box has load {load} on {processors} processors: look for what takes it',
      },
    },
  },
  'mains-lost': {
    subject: 'node',
    severity: 'critical',
    when: 'the UPS runs on its battery (`OB` in `ups.status`)',
    raiseAfterMs: 5 * second,
    clearAfterMs: 30 * second,
    name: { it: 'rete elettrica assente', en: 'mains lost' },
    reasons: {
      'on-battery': {
        it: 'manca la corrente, autonomia stimata {minutes} min: controllare il contatore',
        en: 'the mains have failed, about {minutes} min left: check the meter',
      },
      'on-battery-unknown': {
        it: "manca la corrente, autonomia sconosciuta: controllare il contatore, poi l'UPS",
        en: 'the mains have failed, battery time unknown: check the meter, then the UPS',
      },
      'battery-low': {
        it: "manca la corrente, la batteria dell'UPS è quasi scarica e il box sta per spegnersi: controllare il contatore",
        en: 'the mains have failed, the battery of the UPS is nearly empty and the box is about to go: check the meter',
      },
    },
  },
  'ups-fault': {
    subject: 'node',
    severity: 'warning',
    when: 'the UPS asks for a battery (`RB`), is overloaded or bypassed, or upsd cannot tell of it',
    raiseAfterMs: 2 * minute,
    clearAfterMs: minute,
    explainedBy: ['mains-lost'],
    name: { it: 'UPS da controllare', en: 'UPS needs attention' },
    reasons: {
      'replace-battery': {
        it: "l'UPS segnala che la sua batteria è a fine vita: sostituirla",
        en: 'the UPS says that its battery is worn out: replace it',
      },
      overloaded: {
        it: "l'UPS è sovraccarico: scollegare qualche apparecchio",
        en: 'the UPS is overloaded: unplug devices',
      },
      bypassed: {
        it: "l'UPS è in bypass e non protegge il box: rimetterlo in servizio",
        en: 'the UPS is bypassed and protects nothing: put it back into service',
      },
      away: {
        it: "l'UPS non comunica: controllare il cavo USB e il servizio NUT",
        en: 'the UPS does not communicate: check the USB cable and the NUT service',
      },
    },
  },
  'probe-stuck': {
    subject: 'probe',
    severity: 'warning',
    when: 'a probe has not ended within its time limit, and ignores that it was told to',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    name: { it: 'controllo bloccato', en: 'probe stuck' },
    reasons: {
      hanging: {
        it: 'il controllo "{probe}" non termina e ciò che misura è sconosciuto: riavviare il box se non passa',
        en: 'the probe "{probe}" does not end and what it measures is unknown: restart the box if it does not pass',
      },
    },
  },
} as const satisfies Record<string, Condition>;
