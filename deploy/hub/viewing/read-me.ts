import type { ExtractCommand } from '#protocol/command.ts';
import type { Manifest } from '#protocol/manifest.ts';
import { instantText } from '#protocol/time.ts';
import { filmTime, localTime } from '../cli/times.ts';
import type { Viewing } from './clear.ts';

/** LEGGIMI.txt of a package: what it is, what it shows when, and how anybody can check it. Always in Italian. */
export function readMe(given: {
  command: ExtractCommand;
  manifest: Manifest;
  viewing: Viewing;
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
    'Il filmato comincia e finisce ai fotogrammi chiave più vicini all’intervallo chiesto. Le immagini sono quelle',
    'registrate: nessun fotogramma è stato ricodificato; sono stati uniti i segmenti e riscritti solo i loro tempi.',
    '',
    'Come controllare',
    '  viewing*.mp4         il filmato, per qualsiasi lettore',
    '  fotogramma-*         singoli fotogrammi, se chiesti; il nome dice l’ora (UTC)',
    '  contents.txt         le impronte SHA-256 di ogni file, firmate dal municipio: sha256sum -c --ignore-missing contents.txt',
    '  manifest.dsse.json   i segmenti originali con le loro impronte, firmati dal nodo che li ha registrati',
    '  command.dsse.json    il comando, firmato da incaricato e responsabile del trattamento',
    '  policy.dsse.json     le regole con le chiavi di tutti, firmate dal titolare',
    '  proof.json           la riga nel registro del nodo, controfirmata dal municipio',
    '  verbale.pdf          il verbale; verbale.json: gli stessi dati, firmati dal municipio',
    '  viewing.json         quali originali il filmato mostra, e in quali momenti',
    '  Con il programma del municipio: hub verify CARTELLA --root root.pub (la chiave root.pub si chiede al Comune).',
    '',
    'Le immagini contengono dati personali: usarle solo per la finalità indicata e cancellarle quando è raggiunta.',
    '',
  ].join('\n');
}
