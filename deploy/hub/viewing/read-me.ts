import type { ExtractCommand } from '#protocol/command.ts';
import type { Manifest } from '#protocol/manifest.ts';
import { instantText } from '#protocol/time.ts';
import { filmTime, localTime } from '../cli/times.ts';
import type { MaskFile } from '../masks/masks.ts';
import type { Viewing } from './clear.ts';
import type { Original } from './originals.ts';

const plainWords = [
  'Il filmato comincia e finisce ai fotogrammi chiave più vicini all’intervallo chiesto. Le immagini sono quelle',
  'registrate: nessun fotogramma è stato ricodificato; sono stati uniti i segmenti e riscritti solo i loro tempi.',
];
const maskedWords = [
  'Immagini derivate: le persone terze sono oscurate (art. 9, comma 1, lettera c, del disciplinare) e non si possono',
  'ricostruire da questi file. Le immagini registrate restano sigillate; viewing.json ne dice le impronte.',
];

/** LEGGIMI.txt of a package: what it is, what it shows when, and how anybody can check it. Always in Italian. */
export function readMe(given: {
  command: ExtractCommand;
  manifest: Manifest;
  viewing: Viewing;
  originals: readonly Original[];
  masks?: MaskFile;
  camera: string;
  purpose: string;
  zone: string;
}): string {
  const { command, manifest, viewing } = given;
  const time = (utcMs: number): string =>
    `${localTime(utcMs, { lang: 'it', zone: given.zone })} (${instantText(Math.round(utcMs))})`;
  const films = viewing.files.flatMap(({ name, durationMs, stretches }) => [
    `${name}, durata ${filmTime(durationMs)}`,
    ...stretches.map(({ atMs, start, end }) => `  da ${filmTime(atMs)}: ${time(start)} – ${time(end)}`),
  ]);
  const gaps = manifest.gaps.map(({ start, end, reason }) => `  ${time(start)} – ${time(end)}: ${reason}`);
  const clocks = [...new Set(manifest.files.map(({ clock }) => clock))].join(', ');
  return [
    'COMUNE DI PEIO – VIDEOSORVEGLIANZA – COPIA DI IMMAGINI',
    '',
    `Telecamera: ${given.camera}`,
    `Chiesto: ${time(command.from)} – ${time(command.to)}`,
    `Finalità: ${given.purpose}`,
    `Richiesta: prot. ${command.request.protocol} del ${command.request.date}`,
    `Caso: ${command.id}`,
    `Orologio del nodo: ${clocks}`,
    '',
    'Che cosa si vede',
    ...films,
    ...(gaps.length > 0 ? ['', 'Che cosa manca, e perché', ...gaps] : []),
    '',
    ...(given.masks ? maskedWords : plainWords),
    '',
    'Come controllare',
    ...(given.masks
      ? [
          '  oscurato*.mp4        il filmato oscurato, per qualsiasi lettore',
          '  oscurato-*           singoli fotogrammi oscurati, se chiesti; il nome dice l’ora (UTC)',
          '  masks.json           le zone e i loro tempi',
        ]
      : [
          '  viewing*.mp4         il filmato, per qualsiasi lettore',
          '  fotogramma-*         singoli fotogrammi, se chiesti; il nome dice l’ora (UTC)',
        ]),
    ...(given.originals.length > 0
      ? ['  original/            i segmenti come il nodo li ha registrati, uno per file, aperti e non altro']
      : []),
    '  contents.txt         le impronte SHA-256 di ogni file, firmate dal municipio: sha256sum -c --ignore-missing contents.txt',
    '  manifest.dsse.json   i segmenti originali con le loro impronte, firmati dal nodo che li ha registrati',
    '  command.dsse.json    il comando, firmato da incaricato e responsabile del trattamento',
    '  policy.dsse.json     le regole con le chiavi di tutti, firmate dal titolare; policy-*.dsse.json: quelle che',
    '                       provano chiavi cambiate prima o dopo',
    '  proof.json           la riga nel registro del nodo, controfirmata dal municipio',
    '  verbale.pdf          il verbale; verbale.json: gli stessi dati, firmati dal municipio',
    '  viewing.json         da quali originali viene ogni immagine, e di quali momenti',
    '  Con il programma del municipio: hub verify CARTELLA --root root.pub (la chiave root.pub si chiede al Comune).',
    '',
    'Le immagini contengono dati personali: usarle solo per la finalità indicata e cancellarle quando è raggiunta.',
    '',
  ].join('\n');
}
