import { shape } from '../view/document.ts';
import { number } from '../view/figures.ts';
import { type Html, html } from '../view/html.ts';
import type { Lang } from '../view/states.ts';
import { type Form, lasting } from '../view/times.ts';
import type { LocalStatus } from './local.ts';
import type { Camera } from './site-summary.ts';

type Onvif = NonNullable<Camera['onvif']>;
type Host = LocalStatus['health']['host'];

interface DeviceWords {
  device: string;
  onvif: Record<Onvif['state'], string>;
  clock: string;
  onTime: string;
  ahead(length: string): string;
  behind(length: string): string;
  position: string;
  figures(pan: string, tilt: string): string;
  storage: string;
  records: string;
  recordsNot: string;
  offers: string;
  keyframe: string;
  every(seconds: string): string;
  kept: string;
  hardware: string;
  disk: string;
  diskState: Record<'ok' | 'failing' | 'unknown', string>;
  sectors(count: string): string;
  used(percent: string): string;
  ups: string;
  upsState: Record<'mains' | 'battery' | 'unknown', string>;
  charge(percent: string): string;
}

const words: Readonly<Record<Lang, DeviceWords>> = {
  it: {
    device: 'apparecchio',
    onvif: {
      ok: 'risponde',
      away: 'non risponde',
      auth: 'rifiuta l’utente',
      broken: 'risponde in modo errato',
      unknown: 'non ancora interrogato',
    },
    clock: 'suo orologio',
    onTime: 'esatto al secondo',
    ahead: (length) => `avanti di ${length}`,
    behind: (length) => `indietro di ${length}`,
    position: 'puntamento',
    figures: (pan, tilt) => `orizzontale ${pan}, verticale ${tilt}`,
    storage: 'sua memoria',
    records: 'registra da sola',
    recordsNot: 'non registra da sola',
    offers: 'offre, non registrato',
    keyframe: 'immagine completa',
    every: (seconds) => `ogni ${seconds} s`,
    kept: 'conservato',
    hardware: 'macchina',
    disk: 'stato del disco',
    diskState: { ok: 'buono', failing: 'in avaria', unknown: 'non verificabile' },
    sectors: (count) => `settori guasti: ${count}`,
    used: (percent) => `vita consumata: ${percent} %`,
    ups: 'UPS',
    upsState: { mains: 'rete elettrica', battery: 'a batteria', unknown: 'non verificabile' },
    charge: (percent) => `carica ${percent} %`,
  },
  en: {
    device: 'device',
    onvif: {
      ok: 'answers',
      away: 'does not answer',
      auth: 'refuses the user',
      broken: 'answers wrongly',
      unknown: 'not asked yet',
    },
    clock: 'its clock',
    onTime: 'right to the second',
    ahead: (length) => `${length} ahead`,
    behind: (length) => `${length} behind`,
    position: 'looks at',
    figures: (pan, tilt) => `pan ${pan}, tilt ${tilt}`,
    storage: 'own storage',
    records: 'records by itself',
    recordsNot: 'does not record by itself',
    offers: 'offered, not recorded',
    keyframe: 'complete picture',
    every: (seconds) => `every ${seconds} s`,
    kept: 'kept',
    hardware: 'machine',
    disk: 'health of the disk',
    diskState: { ok: 'good', failing: 'failing', unknown: 'cannot be told' },
    sectors: (count) => `bad sectors: ${count}`,
    used: (percent) => `life used: ${percent} %`,
    ups: 'UPS',
    upsState: { mains: 'on mains', battery: 'on battery', unknown: 'cannot be told' },
    charge: (percent) => `${percent} % charged`,
  },
};

const fact = (name: string, value: Html | string | undefined): Html =>
  html`${value !== undefined && html`<div><dt>${name}</dt><dd>${value}</dd></div>`}`;

/** What a camera says of itself, and what of its stream no curve shows; nothing for what it does not say. */
export function deviceFacts({ onvif, offered = [], gopSeconds, keptHours }: Camera, { lang }: Form): Html {
  const t = words[lang];
  return html`${fact(t.keyframe, gopSeconds === undefined ? undefined : t.every(number(gopSeconds, lang)))}${fact(
    t.kept,
    keptHours === undefined ? undefined : lasting(keptHours * 3_600_000, lang),
  )}${fact(t.offers, offered.length === 0 ? undefined : offered.join(', '))}${onvif !== undefined && onvifFacts(onvif, lang)}`;
}

function onvifFacts(onvif: Onvif, lang: Lang): Html {
  const t = words[lang];
  const { state, model, firmware, clockOffsetMs, records } = onvif;
  // Where it does not answer, what it said before may be so no longer.
  const answers = state === 'ok';
  return html`${fact(t.device, model === undefined ? undefined : `${model}${firmware ? `, firmware ${firmware}` : ''}`)}${fact(
    'ONVIF',
    answers ? undefined : html`${shape('unknown')} ${t.onvif[state]}`,
  )}${fact(t.clock, answers && clockOffsetMs !== undefined ? offsetText(clockOffsetMs, lang) : undefined)}${fact(
    t.position,
    answers ? positionText(onvif, lang) : undefined,
  )}${fact(
    t.storage,
    records === undefined || !answers
      ? undefined
      : html`${shape(records ? 'degraded' : 'ok')} ${records ? t.records : t.recordsNot}`,
  )}`;
}

/** `esatto al secondo`, `avanti di 40 s`. */
function offsetText(offsetMs: number, lang: Lang): string {
  const t = words[lang];
  const length = lasting(Math.abs(offsetMs), lang);
  if (Math.abs(offsetMs) < 1000) return t.onTime;
  return offsetMs > 0 ? t.ahead(length) : t.behind(length);
}

/** The preset by its name, else the figures of the camera's own space, which need not be degrees. */
function positionText({ preset, pan, tilt, zoom }: Onvif, lang: Lang): string | undefined {
  if (preset !== undefined) return preset;
  if (pan === undefined || tilt === undefined) return undefined;
  const figures = words[lang].figures(number(pan, lang, 2), number(tilt, lang, 2));
  return zoom === undefined ? figures : `${figures}, zoom ${number(zoom, lang, 2)}`;
}

/** What the box is made of and fed by; nothing for what nobody configured or asked. */
export function hostFacts({ hardware, disk, ups }: Host, { lang }: Form): Html {
  const t = words[lang];
  const listed = (...said: (string | undefined)[]): string =>
    said.filter((one) => one !== undefined).join(', ');
  return html`${fact(
    t.disk,
    disk &&
      html`${shape(disk.state)} ${listed(
        t.diskState[disk.state],
        disk.badSectors ? t.sectors(number(disk.badSectors, lang)) : undefined,
        disk.usedPercent === undefined ? undefined : t.used(number(disk.usedPercent, lang)),
      )}`,
  )}${fact(
    t.ups,
    ups &&
      html`${shape(({ mains: 'ok', battery: 'failing', unknown: 'unknown' } as const)[ups.state])} ${listed(
        t.upsState[ups.state],
        ups.chargePercent === undefined ? undefined : t.charge(number(ups.chargePercent, lang, 0)),
        ups.runtimeMinutes === undefined ? undefined : `${number(ups.runtimeMinutes, lang, 0)} min`,
      )}`,
  )}${fact(t.hardware, hardware)}`;
}
