import { causeWords } from '#agent/view/causes.ts';
import { type Cause, type Interval, isGap, piecesOf, sumOf } from '#agent/view/strip.ts';
import { lasting } from '#agent/view/times.ts';
import type { ClockState } from '#protocol/clock-state.ts';
import { filmTime, megabytes } from '../cli/times.ts';
import { legalBasis } from './legal-basis.ts';
import type { Minutes } from './minutes.ts';
import { openPage, type Page } from './page.ts';
import { drawStrip, type NumberedGap } from './strip.ts';

/** Rows of a table that a clerk reads; the rest stands in verbale.json. */
const mostRows = 40;

const clockWords: Readonly<Record<ClockState, string>> = {
  synced: 'sincronizzato con l’ora esatta',
  unknown: 'nessun servizio orario da interrogare',
  unsynchronised: 'NON sincronizzato: le ore possono essere sbagliate',
  stepped: 'spostato durante la registrazione: le ore possono essere sbagliate',
};

const roleWords: Readonly<Record<Minutes['signatures'][number]['what'], string>> = {
  operator: 'incaricato',
  officer: 'responsabile del trattamento',
  node: 'nodo che ha registrato',
  hub: 'municipio',
};

/** Minutes as a clerk files them, in Italian. `still` is the first of `made.stills`, as JPEG. */
export async function minutesPdf(minutes: Minutes, zone: string, still?: Buffer): Promise<Buffer> {
  const time = timesIn(zone);
  const title = 'Verbale di accesso alle immagini di videosorveglianza';
  const page = openPage({ title, subject: `Caso ${minutes.case}`, at: minutes.at });
  const place = `${minutes.place.cameraName}, ${minutes.place.nodeName}`;
  const window = { from: minutes.from, to: minutes.to };
  const recorded = minutes.files.map(({ start, end }) => ({ from: start, to: end }));
  const known = minutes.gaps.map(({ start, end, reason }) => ({ from: start, to: end, reason }));
  const pieces = piecesOf(window, { recorded, gaps: known, now: 'unexplained' });
  // What lies before everything known is missing as well: here nobody asks since when the camera exists.
  const gaps = pieces
    .filter(({ what }) => what !== 'recorded')
    .map((piece, index) => ({
      from: piece.from,
      to: piece.to,
      number: index + 1,
      cause: isGap(piece) ? piece.what : ('unexplained' as const),
    }));
  const { recordedMs } = sumOf(pieces);

  page.paragraph('COMUNE DI PEIO', { face: 'bold', size: 10 });
  page.paragraph(title, { face: 'bold', size: 16 });
  page.paragraph(
    `n. ${minutes.opening.line} del registro, redatto ${time.local(minutes.at)} (art. 9, comma 1, lettera d, del disciplinare)`,
    { grey: true, size: 8.5 },
  );
  page.gap(6);
  const asked = lasting(window.to - window.from, 'it');
  const missing =
    gaps.length === 0
      ? 'senza interruzioni'
      : `con ${gaps.length === 1 ? 'una interruzione' : `${gaps.length} interruzioni`}`;
  page.paragraph(
    `Della telecamera ${place} sono stati aperti ${lasting(recordedMs, 'it')} su ${asked} chiesti, ${missing}, per ${legalBasis[minutes.record.purpose].what}.`,
    { size: 11 },
  );

  requested(page, minutes);
  performed(page, minutes, place, time);
  page.heading('Immagini');
  page.row('Chieste', [time.between(window.from, window.to), time.utcBetween(window.from, window.to)]);
  delivered(page, minutes, time);
  page.row('Orologio del nodo', clocks(minutes, time));
  page.gap(4);
  drawStrip(page, window, pieces, gaps, time.label(window));
  missingTable(page, gaps, time);
  if (still) picture(page, minutes, still, time);
  hashes(page, minutes);
  signatures(page, minutes);
  checking(page);
  signHere(page, minutes);
  originals(page, minutes);
  return await page.finish(`Verbale n. ${minutes.opening.line} – caso ${minutes.case}`);
}

function requested(page: Page, { record, request }: Minutes): void {
  const basis = legalBasis[record.purpose];
  page.heading('Richiesta');
  page.row(
    'Protocollo',
    `n. ${record.protocol} del ${italianDate(record.date)} (registro delle richieste: ${request})`,
  );
  page.row('Richiedente', record.authority);
  page.row(
    'Persone incaricate',
    record.persons.map(({ name, qualification }) => `${name}, ${qualification}`).join('\n'),
  );
  page.row('Finalità', [
    `${capital(basis.what)} (${basis.article}, del disciplinare)`,
    `Base giuridica: ${basis.law}`,
  ]);
  page.row('Motivo', record.reason);
}

function performed(page: Page, minutes: Minutes, place: string, time: Times): void {
  const { opening, signatures: signed } = minutes;
  const who = (what: 'operator' | 'officer'): string =>
    signed
      .filter((one) => one.what === what)
      .map(({ name }) => name)
      .join(', ');
  page.heading('Operazione');
  page.row('Telecamera', [place, `${minutes.place.node}/${minutes.place.camera}`]);
  page.row('Preparata da', `${who('operator')} (incaricato)`);
  page.row('Autorizzata da', `${who('officer')} (responsabile del trattamento, art. 7 comma 4)`);
  page.row('Aperta', [
    `${time.local(opening.at)}, con la chiave ${opening.role === 'officer' ? 'del responsabile' : 'di riserva'}`,
    `utente ${opening.by} del dispositivo; riga ${opening.line} del registro, scritta prima dell’apertura${
      opening.swap ? '; memoria di scambio cifrata, per dichiarazione di chi apre' : ''
    }`,
  ]);
  page.row('Presenti', opening.present.length > 0 ? opening.present.join('\n') : 'nessun altro');
}

function delivered(page: Page, { made }: Minutes, time: Times): void {
  for (const { name, durationMs, stretches } of made.films) {
    const first = stretches[0];
    const last = stretches.at(-1);
    if (!first || !last) continue;
    page.row(`Aperte: ${name}`, [
      `${time.between(first.start, last.end)} (durata ${filmTime(durationMs)})`,
      time.utcBetween(first.start, last.end),
    ]);
  }
  const kept = made.masks ? '' : '; nessun fotogramma è stato ricodificato';
  if (made.films.length > 0)
    page.row('', `Il filmato comincia e finisce ai fotogrammi chiave più vicini alle ore chieste${kept}.`);
  if (made.masks) page.row('Oscuramento', maskWords(made.masks));
  const originals = made.originals?.length ?? 0;
  if (originals > 0)
    page.row(
      'Come registrati',
      `${originals === 1 ? 'un segmento' : `${originals} segmenti`}, nella cartella original; impronte in verbale.json`,
    );
  const broken = made.incomplete.filter(({ end }) => end === 'tampered').length;
  if (made.incomplete.length > 0)
    page.row(
      'Segmenti incompleti',
      `${made.incomplete.length}, interrotti da un guasto del nodo${broken > 0 ? `; ${broken} NON come il nodo li ha sigillati` : ''}`,
    );
}

/** Art. 9 c. 1 c. */
function maskWords({ mode, style, regions, sha256 }: NonNullable<Minutes['made']['masks']>): string[] {
  const zones = regions === 1 ? 'una zona' : `${regions} zone`;
  const how = style === 'solid' ? 'nero pieno' : 'a riquadri che non si possono invertire';
  return [
    `${mode === 'except' ? `tutto oscurato tranne ${zones}` : `oscurate ${zones}`}, ${how} (art. 9, comma 1, lettera c); dove nessuna zona è indicata è oscurato tutto`,
    'Immagini derivate, dipinte e ricodificate: quelle registrate restano sigillate, con le impronte qui sotto.',
    `masks.json ${sha256}`,
  ];
}

function clocks({ files, clock }: Minutes, time: Times): string[] {
  const said = clock
    ? clock.offsetMs === undefined
      ? `scarto dall’ora esatta non noto; ${clockWords[clock.state]}`
      : `${offsetWords(clock.offsetMs)}; ${clockWords[clock.state]}`
    : undefined;
  return [
    statesOf(files),
    ...(clock && said ? [`Il nodo ${time.local(clock.at)}: ${said} (non firmato)`] : []),
  ];
}

/** `avanti di 1,2 ms`. */
function offsetWords(offsetMs: number): string {
  const size = Math.abs(offsetMs);
  const [amount, unit] = size < 1000 ? [size, 'ms'] : [size / 1000, 's'];
  const shown = amount.toLocaleString('it-IT', { maximumFractionDigits: 1 });
  return `${offsetMs < 0 ? 'indietro' : 'avanti'} di ${shown} ${unit} rispetto all’ora esatta`;
}

function statesOf(files: Minutes['files']): string {
  const states = [...new Set(files.map(({ clock }) => clock))];
  return states.length === 0 ? 'ignoto' : capital(states.map((state) => clockWords[state]).join('; '));
}

function missingTable(page: Page, gaps: readonly (NumberedGap & { cause: Cause })[], time: Times): void {
  for (const { number, from, to, cause } of gaps.slice(0, mostRows))
    page.row(`Manca ${number}`, [
      `${time.between(from, to)} (${lasting(to - from, 'it')}): ${causeWords(cause, 'it')}`,
      `${time.utcBetween(from, to)} – ${cause}`,
    ]);
  if (gaps.length > mostRows) page.row('', `e altre ${gaps.length - mostRows}: tutte in verbale.json`);
}

const pictureHeight = 230;

function picture(page: Page, { made }: Minutes, still: Buffer, time: Times): void {
  const shown = made.stills[0];
  if (shown === undefined) return;
  // A heading of its own would part from its picture at the end of a page.
  page.box(pictureHeight + 34, ({ x, y }, pdf) => {
    page.text('Un fotogramma', { x, y: y + 12, face: 'bold', size: 10.5 });
    pdf.image(still, x, y + 32, { fit: [page.width, pictureHeight] });
  });
  page.gap(4);
  page.paragraph(`${time.local(shown.at)} (${time.utc(shown.at)})`, { size: 8, grey: true });
  page.paragraph(`SHA-256 ${shown.sha256}`, { size: 7, grey: true, face: 'mono' });
}

function hashes(page: Page, { made, files, evidence }: Minutes): void {
  page.heading('Impronte (SHA-256)');
  for (const { name, sha256 } of [...made.films, ...made.stills]) page.row(name, sha256, 'mono');
  page.row('manifest.dsse.json', evidence.manifest, 'mono');
  page.row('command.dsse.json', evidence.command, 'mono');
  page.row('policy.dsse.json', [evidence.policy, `regole versione ${evidence.policyVersion}`], 'mono');
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  page.row(
    'Originali sigillati',
    `${files.length === 1 ? 'un segmento' : `${files.length} segmenti`}, ${megabytes(bytes)}; accettati alla riga ${evidence.auditSeq} del registro del nodo`,
  );
}

/** After what is signed: nobody reads it who does not compare. */
function originals(page: Page, { files }: Minutes): void {
  page.heading('Allegato: impronte dei segmenti originali sigillati (SHA-256)');
  for (const { name, sha256 } of files.slice(0, mostRows))
    page.paragraph(`${sha256}  ${name}`, { size: 7, face: 'mono' });
  if (files.length > mostRows)
    page.paragraph(`e altri ${files.length - mostRows}: tutti in verbale.json e manifest.dsse.json`);
}

function signatures(page: Page, minutes: Minutes): void {
  page.heading('Firme digitali (Ed25519; chiave = SHA-256 della chiave pubblica)');
  for (const { what, name, keyid } of minutes.signatures) page.row(capital(roleWords[what]), [name, keyid]);
}

function checking(page: Page): void {
  page.heading('Come verificare', 110);
  page.paragraph(
    'Con il programma del municipio, senza rete: «hub verify COPIA --root root.pub» controlla firme, impronte e la riga ' +
      'nel registro del nodo. La chiave root.pub si chiede al Comune, non si prende dalla copia. Senza il programma: ' +
      '«sha256sum -c --ignore-missing contents.txt» confronta ogni file con l’elenco firmato dal municipio. ' +
      'Gli stessi dati di questo verbale, firmati dal municipio, sono in verbale.json.',
  );
}

/** Room for pens: the paper is filed with the request (Art. 9 c. 1 e). */
function signHere(page: Page, { signatures: signed }: Minutes): void {
  const names = (['operator', 'officer'] as const).map(
    (what) => [roleWords[what], signed.find((one) => one.what === what)?.name ?? ''] as const,
  );
  const half = page.width / 2;
  const wide = half - 24;
  const highest = Math.max(...names.map(([, name]) => page.heightOf(name, { size: 8.5, width: wide })));
  page.box(74 + highest, ({ x, y }, pdf) => {
    for (const [index, [role, name]] of names.entries()) {
      const left = x + index * half;
      page.text(`${index === 0 ? 'L’' : 'Il '}${role}`, { x: left, y: y + 20, size: 8.5, width: wide });
      pdf
        .lineWidth(0.5)
        .moveTo(left, y + 66)
        .lineTo(left + wide, y + 66)
        .stroke('#000000');
      page.text(name, { x: left, y: y + 70, size: 8.5, width: wide });
    }
  });
}

interface Times {
  local(utcMs: number): string;
  utc(utcMs: number): string;
  between(from: number, to: number): string;
  utcBetween(from: number, to: number): string;
  label(window: Interval): (utcMs: number) => string;
}

function timesIn(zone: string): Times {
  const form = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('it-IT', { timeZone: zone, ...options });
  const day = form({ day: 'numeric', month: 'long', year: 'numeric' });
  const clock = form({ hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' });
  const minute = form({ hour: '2-digit', minute: '2-digit' });
  const second = form({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const dayMinute = form({ day: '2-digit', month: '2-digit', hour: '2-digit', minute: '2-digit' });
  const local = (utcMs: number): string => `il ${day.format(utcMs)} alle ${clock.format(utcMs)}`;
  const utc = (utcMs: number): string =>
    `${new Date(Math.round(utcMs)).toISOString().replace('T', ' ').replace('Z', '')} UTC`;
  return {
    local,
    utc,
    between: (from, to) =>
      day.format(from) === day.format(to)
        ? `${day.format(from)}, dalle ${clock.format(from)} alle ${clock.format(to)}`
        : `dal ${day.format(from)} alle ${clock.format(from)} al ${day.format(to)} alle ${clock.format(to)}`,
    utcBetween: (from, to) => `${utc(from)} – ${utc(to)}`,
    label: ({ from, to }) => {
      const length = to - from;
      const shape = length > 86_400_000 ? dayMinute : length > 600_000 ? minute : second;
      return (utcMs) => shape.format(utcMs);
    },
  };
}

function capital(text: string): string {
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`;
}

/** `2026-01-16` → `16/01/2026`. */
function italianDate(date: string): string {
  return date.split('-').reverse().join('/');
}
