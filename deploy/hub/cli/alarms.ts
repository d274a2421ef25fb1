import { Failure } from '#protocol/failure.ts';
import type { AlarmView } from '../alarms/alarms.ts';
import { alarmTexts, placeOf, saidOf } from '../alarms/words.ts';
import { maxMaintenanceMs, maxShelvedMs } from '../api/alarms.ts';
import type { Call, Command } from './command.ts';
import { localTime, parseTime, roughly } from './times.ts';

const units: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, g: 86_400_000 };

/** `90m`, `2h`, `1d`, in milliseconds. Throws `usage` `duration`. */
export function parseDuration(option: string, text: string, maxMs: number): number {
  const match = /^(\d{1,6})([mhdg])$/.exec(text.trim());
  const ms = Number(match?.[1]) * (units[match?.[2] ?? ''] ?? Number.NaN);
  if (ms >= 60_000 && ms <= maxMs) return ms;
  throw new Failure(
    'usage',
    'duration',
    `--${option} "${text}" is no time from 1m to ${maxMs / 86_400_000}d: write 90m, 2h or 1d`,
  );
}

export const alarms: Command = {
  summary: 'Lists every alarm with where it stands in its life, and maintenance under way or to come.',
  usage: '[--json]',
  options: { json: { type: 'boolean', help: 'everything as JSON' } },
  async run(call) {
    const answer = await call.client().get('GET /alarms');
    if (call.flag('json')) {
      call.terminal.print(JSON.stringify(answer));
      return 0;
    }
    const { lang, zone } = call.settings();
    const t = alarmTexts[lang];
    const since = (utcMs: number): string => call.texts().since(roughly(answer.at - utcMs, lang));
    for (const alarm of answer.alarms) {
      call.terminal.print(
        `${t.state[alarm.state]}: ${placeOf(alarm, call.settings())}: ${saidOf(alarm, call.settings(), lang).text}, ${since(alarm.since)}`,
      );
      call.terminal.print(`    ${alarm.id}${moreOf(alarm, call)}`);
    }
    if (answer.alarms.length === 0) call.terminal.print(t.none);
    for (const { id, node, from, until, by, reason } of answer.maintenance) {
      const times = `${localTime(from, { lang, zone })} – ${localTime(until, { lang, zone })}`;
      call.terminal.print(
        `${t.maintenance}: ${placeOf({ node, key: '' }, call.settings())}: ${times}, ${by}: ${reason}`,
      );
      call.terminal.print(`    ${id}`);
    }
    return 0;
  },
};

function moreOf(alarm: AlarmView, call: Call): string {
  const { lang, zone } = call.settings();
  const t = alarmTexts[lang];
  return [
    alarm.acknowledged ? `${t.acknowledgedBy} ${alarm.acknowledged.by}` : '',
    alarm.shelved
      ? `${t.shelvedBy} ${alarm.shelved.by} ${t.until} ${localTime(alarm.shelved.until, { lang, zone })}`
      : '',
    alarm.explainedBy === undefined ? '' : `${t.explainedBy} ${alarm.explainedBy}`,
    alarm.explains.length === 0 ? '' : `${t.explains} ${alarm.explains.length}`,
  ]
    .filter((text) => text !== '')
    .map((text) => `; ${text}`)
    .join('');
}

export const shelve: Command = {
  summary: 'Puts an alarm aside for a time: nobody is told of it, and it comes back by itself.',
  usage: 'ALERT --for 2h',
  notes:
    'ALERT is NODE/KEY as "hub alarms" shows it; KEY is enough where only one node has it. At most 7 days.',
  arguments: { least: 1, most: 1 },
  options: {
    for: { type: 'string', value: 'TIME', help: 'how long: 90m, 2h, 1d' },
    off: { type: 'boolean', help: 'takes it off the shelf now' },
    json: { type: 'boolean', help: 'print the alarm' },
  },
  async run(call) {
    const alert = call.positionals[0] as string;
    const alarm = call.flag('off')
      ? await call.client().post('unshelve', { by: call.by, alert })
      : await call.client().post('shelve', {
          by: call.by,
          alert,
          forMs: parseDuration('for', call.need('for'), maxShelvedMs),
        });
    const { lang } = call.settings();
    call.terminal.print(
      call.flag('json')
        ? JSON.stringify(alarm)
        : `${alarm.id}: ${alarmTexts[lang].state[alarm.state]}${moreOf(alarm, call)}`,
    );
    return 0;
  },
};

export const maintenance: Command = {
  summary: 'Announces work at a node: what it says wrong meanwhile is no news.',
  usage: 'NODE --for 2h --reason TEXT | --end ID',
  notes: 'What still stands when it ends is told then. "hub alarms" lists what is announced.',
  arguments: { least: 0, most: 1 },
  options: {
    for: { type: 'string', value: 'TIME', help: 'how long: 90m, 2h, 1d; at most 30 days' },
    from: { type: 'string', value: 'TIME', help: 'when it begins (now)' },
    reason: { type: 'string', value: 'TEXT', help: 'what is done' },
    end: { type: 'string', value: 'ID', help: 'ends it before its time' },
    json: { type: 'boolean', help: 'print it' },
  },
  async run(call) {
    const end = call.option('end');
    if (end !== undefined) {
      const { id } = await call.client().post('end-maintenance', { by: call.by, id: end });
      call.terminal.print(call.flag('json') ? JSON.stringify({ id }) : id);
      return 0;
    }
    const node = call.positionals[0];
    if (node === undefined)
      throw new Failure('usage', 'usage', 'name the node: see "hub maintenance --help"');
    const { zone } = call.settings();
    const from = call.option('from');
    const window = await call.client().post('maintenance', {
      by: call.by,
      node,
      forMs: parseDuration('for', call.need('for'), maxMaintenanceMs),
      reason: call.need('reason'),
      ...(from === undefined ? {} : { from: parseTime('from', from, zone) }),
    });
    call.terminal.print(call.flag('json') ? JSON.stringify(window) : window.id);
    return 0;
  },
};
