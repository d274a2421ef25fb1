import { causeWords, isCause } from '../view/causes.ts';
import { bitRate, byteSize, number } from '../view/figures.ts';
import { states } from '../view/states.ts';
import type { Piece } from '../view/strip.ts';
import { stripSentence } from '../view/strip-svg.ts';
import { stripCells, stripText, stripTextLegend } from '../view/strip-text.ts';
import { elapsed, lasting, since } from '../view/times.ts';
import type { LocalStatus, LocalWeeks } from '../web/local.ts';
import {
  aboutOf,
  type Camera,
  cameraName,
  checksText,
  firstSentence,
  gravestFirst,
  stateSince,
  worstFirst,
} from '../web/site-summary.ts';
import { siteWords } from '../web/site-words.ts';

/** How wide the terminal is, and whether it shows colours. */
export interface Screen {
  columns: number;
  colour: boolean;
}

const severityShape = { critical: '▲', warning: '◐', info: '○' } as const;

/** The status for a terminal: one sentence that answers, then worst first, each camera with its week. */
export function statusText(
  status: LocalStatus,
  weeks: LocalWeeks | undefined,
  nowUtc: number,
  screen: Screen,
): string {
  const { lang, health, alerts } = status;
  const t = siteWords[lang];
  const lines = [firstSentence(status, nowUtc, lang)];
  for (const alert of gravestFirst(alerts))
    lines.push(
      `${severityShape[alert.severity]} ${aboutOf(status, alert)}${alert.detail}, ${since(nowUtc - alert.since, lang)}  [${alert.key}]`,
    );
  const cameras = worstFirst(status);
  const drawn = weeks !== undefined && screen.columns >= stripCells && cameras.length > 0;
  if (cameras.length > 0) lines.push('');
  for (const { camera, state } of cameras) {
    const pieces = (weeks?.pieces[camera.id] ?? []).map(
      ([from, to, what]): Piece => ({ from, to, what: isPiece(what) ? what : 'unexplained' }),
    );
    const { shape } = states[state];
    lines.push(`${shape} ${cameraName(status, camera.id)}  ${cameraText(camera, status, nowUtc)}`);
    if (drawn && pieces.length > 0) lines.push(stripText(weeks, pieces, screen));
    // Where the strip has no room its sentence has.
    if (pieces.length > 0) lines.push(`  ${stripSentence(pieces, lang)}`);
  }
  if (drawn) lines.push(stripTextLegend(lang));
  for (const link of health.links) {
    const figures = [
      link.lossPercent === undefined ? '' : `${t.loss} ${number(link.lossPercent, lang)} %`,
      link.delayMs === undefined ? '' : `${number(link.delayMs, lang)} ms`,
    ].filter(Boolean);
    const shape = { up: '●', down: '▲', unknown: '○' }[link.state];
    lines.push(`${shape} ${link.to} (${link.id})  ${[t.link[link.state], ...figures].join(', ')}`);
  }
  const { store, clock, mqtt } = health;
  const room = store.forecastHours;
  const checks = checksText(status, lang);
  lines.push(
    '',
    [
      `${t.facts.disk}: ${t.free(byteSize(store.freeBytes, lang), byteSize(store.totalBytes, lang))}${room === undefined ? '' : `, ${t.fits(lasting(room * 3_600_000, lang))}`}`,
      `${t.facts.clock}: ${t.clock[clock.state]}`,
      `${t.facts.hub}: ${t.hub(mqtt.connected, mqtt.reconnects)}`,
      `${status.node} ${status.version}`,
    ].join('   '),
    ...(checks === undefined ? [] : [`${t.facts.checks}: ${checks}`]),
  );
  return `${lines.join('\n')}\n`;
}

function isPiece(what: string): what is Piece['what'] {
  return what === 'recorded' || what === 'nothing' || isCause(what);
}

function cameraText(camera: Camera, { lang }: LocalStatus, nowUtc: number): string {
  const t = siteWords[lang];
  const stateAt = stateSince(camera);
  const lasted = stateAt === undefined ? '' : ` ${since(nowUtc - stateAt, lang)}`;
  const reason = camera.reason;
  const why =
    camera.state === 'recording' || reason === undefined
      ? []
      : [isCause(reason) ? `${causeWords(reason, lang)} (${reason})` : reason];
  const size = camera.width && camera.height ? ` ${camera.width}×${camera.height}` : '';
  const figures =
    camera.state === 'recording'
      ? [
          bitRate(camera.bitrate, lang),
          `${number(camera.fps ?? 0, lang)} fps`,
          `${camera.codec ?? ''}${size}`,
        ]
      : [];
  const newest =
    camera.newestSegment === undefined ? t.none : t.ago(elapsed(nowUtc - camera.newestSegment, lang));
  return [`${t.state[camera.state]}${lasted}`, ...why, ...figures, `${t.newest}: ${newest}`].join(', ');
}
