import { pause, systemClock } from '#agent/platform/clock.ts';
import { Failure } from '#protocol/failure.ts';
import { saidOf } from '../alarms/words.ts';
import type { StatusAnswer } from '../api/schema.ts';
import { alertId } from '../fleet/alerts.ts';
import { cameraName, type Settings } from '../settings.ts';
import type { Call, Command } from './command.ts';
import type { Texts } from './texts.ts';
import { roughly } from './times.ts';

type Word = 'ok' | 'degraded' | 'failing' | 'unknown';
const order: Word[] = ['failing', 'degraded', 'unknown', 'ok'];

export interface NodeRow {
  id: string;
  name: string;
  word: Word;
  version?: string | undefined;
  cameras: {
    id: string;
    name: string;
    word: Word;
    state?: string;
    reason?: string;
    newestSegment?: number | undefined;
  }[];
}

export const status: Command = {
  summary: 'Says how the fleet is: one sentence first, then what is wrong, worst first.',
  usage: '[--watch] [--json]',
  options: {
    watch: { type: 'boolean', help: 'again every two seconds, until interrupted' },
    json: { type: 'boolean', help: 'everything as JSON' },
  },
  async run(call) {
    const { terminal } = call;
    if (!call.flag('watch')) {
      for (const line of await now(call)) terminal.print(line);
      return 0;
    }
    call.settings();
    for (;;) {
      // A hub that starts again is waited for.
      const lines = await now(call).catch((error: unknown) => {
        if (error instanceof Failure && error.kind === 'unavailable') return [error.message];
        throw error;
      });
      terminal.show(lines);
      await pause(systemClock, watchMs, new AbortController().signal);
    }
  },
};

const watchMs = 2000;

async function now(call: Call): Promise<string[]> {
  const answer = await call.client().get('GET /status');
  const settings = call.settings();
  const rows = nodeRows(answer, settings);
  const sentence = sentenceFor(answer, rows, settings, call.texts());
  if (call.flag('json')) return [JSON.stringify({ sentence, ...answer, nodes: rows })];
  return table(sentence, answer, rows, settings, call.texts());
}

export const ack: Command = {
  summary: 'Marks an alert as taken care of.',
  usage: 'ALERT',
  notes: 'ALERT is NODE/KEY as "hub status" shows it; KEY is enough where only one node has it.',
  arguments: { least: 1, most: 1 },
  options: { json: { type: 'boolean', help: 'print the alert' } },
  async run(call) {
    const alert = await call.client().post('ack', { by: call.by, alert: call.positionals[0] as string });
    call.terminal.print(
      call.flag('json') ? JSON.stringify(alert) : `${alertId(alert)}: ${call.texts().acknowledged}`,
    );
    return 0;
  },
};

/** Nodes with their cameras, worst first. */
export function nodeRows(answer: StatusAnswer, settings: Pick<Settings, 'nodes'>): NodeRow[] {
  const rows = answer.nodes.map((sight): NodeRow => {
    const place = settings.nodes.find(({ id }) => id === sight.id);
    const alerts = answer.alerts.filter(({ node }) => node === sight.id);
    const critical = alerts.some(({ severity }) => severity === 'critical');
    const word: Word =
      sight.state === 'offline' || critical
        ? 'failing'
        : sight.state === 'unknown'
          ? 'unknown'
          : alerts.length > 0
            ? 'degraded'
            : 'ok';
    return {
      id: sight.id,
      name: place?.name ?? sight.id,
      word,
      ...(sight.version ? { version: sight.version } : {}),
      cameras: (place?.cameras ?? []).map(({ id, name }) => {
        const seen = sight.health?.cameras?.find((camera) => camera.id === id);
        // What a node said before it fell silent is no longer so.
        const state = sight.state === 'online' ? seen?.state : undefined;
        const spoken = { recording: 'ok', connecting: 'degraded', failed: 'failing' } as const;
        return {
          id,
          name,
          word: state ? spoken[state] : 'unknown',
          ...(state ? { state } : {}),
          ...(seen?.reason ? { reason: seen.reason } : {}),
          ...(seen?.newestSegment ? { newestSegment: seen.newestSegment } : {}),
        };
      }),
    };
  });
  return rows.sort((a, b) => order.indexOf(a.word) - order.indexOf(b.word));
}

function sentenceFor(
  { alerts, broker, at }: StatusAnswer,
  rows: readonly NodeRow[],
  settings: Pick<Settings, 'nodes'>,
  texts: Texts,
): string {
  if (!broker.connected) return texts.noBroker;
  const worst = alerts[0];
  if (worst) {
    const detail = `${placeOf(worst, settings)}, ${saidOf(worst, settings, texts.lang).text} (${texts.since(roughly(at - worst.since, texts.lang))}).`;
    return texts.amiss(alerts.length, detail);
  }
  const silent = rows.filter(({ word }) => word === 'unknown');
  if (silent.length > 0) return texts.notHeard(silent.length, rows.length);
  return texts.allWell(
    rows.length,
    rows.reduce((sum, { cameras }) => sum + cameras.length, 0),
  );
}

function placeOf({ node, key }: { node: string; key: string }, settings: Pick<Settings, 'nodes'>): string {
  const subject = key.slice(key.indexOf('.') + 1);
  const place = settings.nodes.find(({ id }) => id === node);
  if (place?.cameras.some(({ id }) => id === subject)) return cameraName(settings, node, subject);
  return place ? `${place.name} (${node})` : node;
}

function table(
  sentence: string,
  { alerts, at }: StatusAnswer,
  rows: readonly NodeRow[],
  settings: Pick<Settings, 'nodes'>,
  texts: Texts,
): string[] {
  const since = (utcMs: number): string => texts.since(roughly(at - utcMs, texts.lang));
  const lines = [sentence];
  if (alerts.length > 0) lines.push('', texts.alertHeading);
  for (const alert of alerts) {
    const taken = alert.acknowledged ? ` [${texts.acknowledged}: ${alert.acknowledged.by}]` : '';
    const shape = alert.severity === 'critical' ? '▲' : alert.severity === 'warning' ? '◐' : '○';
    lines.push(
      `  ${shape} ${placeOf(alert, settings)}: ${saidOf(alert, settings, texts.lang).text}, ${since(alert.since)}${taken}`,
    );
    lines.push(`      ${alertId(alert)}`);
  }
  lines.push('', texts.nodeHeading);
  const width = Math.max(...rows.map(({ name }) => name.length));
  for (const row of rows) {
    lines.push(`  ${texts.word[row.word].padEnd(12)} ${row.name.padEnd(width)}  ${row.id}`);
    for (const camera of row.cameras.filter(({ word }) => word !== 'ok' && word !== row.word))
      lines.push(`      ${texts.word[camera.word].padEnd(12)} ${camera.name} (${camera.id})`);
  }
  return lines;
}
