import type { Condition } from './condition.ts';

const second = 1000;
const minute = 60 * second;

export const cameraConditions = {
  'camera-down': {
    subject: 'camera',
    severity: 'critical',
    when: 'no frame is recorded: no session, or none newer than 30 s; the disk is no camera’s fault',
    // A reconnection within this is not worth a person's attention; with the ingest's 10 s stall limit an unplugged
    // camera is told within 15 s.
    raiseAfterMs: 4 * second,
    clearAfterMs: 2 * second,
    explainedBy: ['disk-error'],
    name: { it: 'telecamera ferma', en: 'camera down' },
    reasons: {
      'no-connection': {
        it: 'la telecamera non risponde: controllare alimentazione e cavo di rete',
        en: 'the camera does not answer: check its power and its network cable',
      },
      'auth-failed': {
        it: 'la telecamera rifiuta utente o password: controllare le credenziali',
        en: 'the camera refuses user or password: check the credentials',
      },
      // A stall was already waited for by the ingest.
      'no-data': {
        raiseAfterMs: 0,
        it: 'nessun dato dalla telecamera: riavviarla, poi controllare il cavo',
        en: 'no data from the camera: restart it, then check the cable',
      },
      'no-keyframe': {
        it: 'la telecamera non invia immagini complete: controllare le impostazioni video',
        en: 'the camera sends no complete picture: check its video settings',
      },
      'stream-error': {
        it: 'il flusso della telecamera è difettoso: controllare firmware e impostazioni video',
        en: 'the stream of the camera is faulty: check its firmware and video settings',
      },
      'unsupported-codec': {
        it: 'il formato video della telecamera non è supportato: impostare H.264 o H.265',
        en: 'the video format of the camera is not supported: set H.264 or H.265',
      },
    },
  },
  'camera-unsealed': {
    subject: 'camera',
    severity: 'critical',
    when: 'frames come and no segment has been sealed for two segments and a minute',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    explainedBy: ['camera-down', 'disk-error'],
    name: { it: 'registrazione non conservata', en: 'recording not kept' },
    reasons: {
      'no-segment': {
        it: 'arrivano immagini ma nessun filmato viene chiuso: controllare il disco, poi riavviare il servizio',
        en: 'pictures come but no footage is sealed: check the disk, then restart the service',
      },
    },
  },
  'camera-audio-offered': {
    subject: 'camera',
    severity: 'warning',
    when: 'the stream offers an audio track; it is never recorded (Art. 2.1.b)',
    raiseAfterMs: minute,
    clearAfterMs: minute,
    name: { it: 'audio attivo', en: 'audio on' },
    reasons: {
      audio: {
        it: 'la telecamera offre audio, che il regolamento vieta e che non viene registrato: disattivare l’audio nella telecamera',
        en: 'the camera offers audio, which the regulation forbids and nobody records: turn it off in the camera',
      },
    },
  },
  'camera-clock': {
    subject: 'camera',
    severity: 'warning',
    when: 'its clock differs from a trusted clock of the box by more than 30 s, in two polls',
    raiseAfterMs: second,
    clearAfterMs: 0,
    name: { it: 'orologio della telecamera sbagliato', en: 'clock of the camera wrong' },
    reasons: {
      offset: {
        it: "l'orologio della telecamera sbaglia di {seconds} s: impostare il server NTP nella telecamera",
        en: 'the clock of the camera is off by {seconds} s: set the NTP server in the camera',
      },
    },
  },
  'camera-onvif': {
    subject: 'camera',
    severity: 'info',
    when: 'its ONVIF service does not answer as it should, in two polls; recording is not touched',
    raiseAfterMs: second,
    clearAfterMs: 0,
    explainedBy: ['camera-down'],
    name: { it: 'ONVIF non disponibile', en: 'ONVIF out of reach' },
    reasons: {
      away: {
        it: 'il servizio ONVIF della telecamera non risponde: verificare che sia attivo; la registrazione continua',
        en: 'the ONVIF service of the camera does not answer: check that it is on; recording goes on',
      },
      // Asked once an hour: cameras lock a user out who is refused too often.
      auth: {
        raiseAfterMs: 0,
        it: "la telecamera rifiuta l'utente ONVIF: creare l'utente ONVIF nella telecamera; la registrazione continua",
        en: 'the camera refuses the ONVIF user: create it in the camera; recording goes on',
      },
      broken: {
        it: 'il servizio ONVIF della telecamera risponde in modo errato: aggiornare il firmware; la registrazione continua',
        en: 'the ONVIF service of the camera answers wrongly: update its firmware; recording goes on',
      },
    },
  },
  'camera-records': {
    subject: 'camera',
    severity: 'warning',
    when: 'a recording job of its own is active, by its ONVIF recording service (Art. 3.2: seven days, kept here)',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    name: { it: 'la telecamera registra da sola', en: 'camera records by itself' },
    reasons: {
      job: {
        it: 'la telecamera registra anche sulla propria memoria, oltre i limiti del regolamento: disattivare la registrazione nella telecamera',
        en: 'the camera also records on its own storage, beyond the limits of the regulation: turn it off in the camera',
      },
    },
  },
  'camera-profile': {
    subject: 'camera',
    severity: 'info',
    when: 'ONVIF offers a profile of the same source that is larger than what is recorded',
    raiseAfterMs: second,
    clearAfterMs: 0,
    explainedBy: ['camera-down'],
    name: { it: 'registrazione ridotta', en: 'recorded smaller than offered' },
    reasons: {
      smaller: {
        it: 'si registra {recorded}, la telecamera offre {offered}: controllare quale flusso è configurato',
        en: '{recorded} is recorded, the camera offers {offered}: check which stream is configured',
      },
    },
  },
  'camera-signal': {
    subject: 'camera',
    severity: 'critical',
    when: 'the device says by an ONVIF event that it has lost the video signal of its source',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    explainedBy: ['camera-down'],
    name: { it: 'segnale video assente', en: 'video signal lost' },
    reasons: {
      'signal-loss': {
        it: 'la telecamera segnala di aver perso il segnale video: controllare sensore e cavo interno, poi riavviarla',
        en: 'the camera says that it has lost its video signal: check sensor and inner cable, then restart it',
      },
    },
  },
  'camera-tamper': {
    subject: 'camera',
    severity: 'warning',
    when: 'the device says by an ONVIF event that somebody tampers with it, and no picture shows what it is',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    explainedBy: [
      'camera-down',
      'camera-signal',
      'camera-picture-black',
      'camera-picture-blinded',
      'camera-picture-blurred',
      'camera-picture-moved',
    ],
    name: { it: 'manomissione segnalata', en: 'tampering reported' },
    reasons: {
      tamper: {
        it: 'la telecamera segnala una manomissione: controllare obiettivo e fissaggio',
        en: 'the camera reports tampering: check lens and mount',
      },
    },
  },
} as const satisfies Record<string, Condition>;
