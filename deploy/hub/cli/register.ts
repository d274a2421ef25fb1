import { Failure } from '#protocol/failure.ts';
import { purposes } from '#protocol/purpose.ts';
import { csvOf } from '../register/csv.ts';
import type { RegisterLine } from '../register/register.ts';
import { type SelectedLine, select } from '../register/selection.ts';
import { cameraName } from '../settings.ts';
import type { Call, Command } from './command.ts';
import { checkRegister } from './register-check.ts';
import { localTime, parseTime } from './times.ts';

/** What a line can be about. */
const ofLines: readonly string[] = [...purposes, 'maintenance'];

export const register: Command = {
  summary: 'Prints the register of requests, openings, deliveries, reports and closings.',
  usage:
    '[--case ID] [--request ID] [--camera NODE/CAMERA] [--purpose P] [--from T] [--to T] [--csv | --json | --check]',
  notes: `Purposes: ${ofLines.join(', ')}.
Exit codes with --check: 0 every node wrote down what stands here, 1 one wrote down something else.`,
  options: {
    case: { type: 'string', value: 'ID', help: 'only lines about this case' },
    request: { type: 'string', value: 'ID', help: 'only lines about this request' },
    camera: {
      type: 'string',
      value: 'NODE/CAMERA',
      help: 'only lines about this camera; NODE for all of a site',
    },
    purpose: { type: 'string', value: 'P', help: 'only lines about requests for this purpose' },
    from: { type: 'string', value: 'TIME', help: 'only what was done from then on (a time or a day)' },
    to: { type: 'string', value: 'TIME', help: 'only what was done before' },
    check: { type: 'boolean', help: 'compare it with what the nodes wrote down of it in their own logs' },
    csv: { type: 'boolean', help: 'as a table for a spreadsheet (RFC 4180, UTF-8)' },
    json: { type: 'boolean', help: 'lines and head as JSON' },
  },
  async run(call) {
    const purpose = call.option('purpose');
    if (purpose !== undefined && !ofLines.includes(purpose))
      throw new Failure('usage', 'usage', `--purpose is one of ${ofLines.join(', ')}`);
    if (call.flag('csv') && call.flag('json')) throw new Failure('usage', 'usage', 'either --csv or --json');
    const wanted = {
      case: call.option('case'),
      request: call.option('request'),
      camera: call.option('camera'),
      purpose,
      from: timeOf(call, 'from'),
      to: timeOf(call, 'to'),
    };
    const { lines, size, hash } = await call.client().get('GET /register');
    if (call.flag('check')) return await checkRegister(call, lines);
    const shown = select(lines, wanted);
    if (call.flag('json'))
      call.terminal.print(JSON.stringify({ size, head: hash, lines: shown.map(({ line }) => line) }));
    else if (call.flag('csv')) process.stdout.write(csvOf(tableOf(call, shown)));
    else for (const one of shown) call.terminal.print(rowOf(call, one));
    return 0;
  },
};

/** A day is its beginning here. */
function timeOf(call: Call, option: 'from' | 'to'): number | undefined {
  const given = call.option(option);
  if (given === undefined) return undefined;
  const text = /^\d{4}-\d{2}-\d{2}$/.test(given) ? `${given} 00:00` : given;
  return parseTime(option, text, call.settings().zone);
}

function rowOf(call: Call, { line }: SelectedLine): string {
  const box = line.kind === 'replaced' ? line['node'] : '';
  const what = `${line.request ?? ''} ${line.case ?? ''} ${box}`.trim();
  const act = actOf(call, line).padEnd(24);
  return `${String(line.seq).padStart(5)}  ${localTime(Date.parse(line.at), call.settings())}  ${act} ${what}  ${line.by}`;
}

/** An extraction is what is usually ordered, and goes without saying. */
function actOf(call: Call, { kind, type }: RegisterLine): string {
  const { act, order } = call.texts();
  const ordered = Object.entries(order).find(([name]) => name === type)?.[1];
  return ordered === undefined ? act[kind] : `${act[kind]}: ${ordered}`;
}

/** Facts of a line that have no column of their own are in the last one, as they were written. */
function tableOf(call: Call, shown: readonly SelectedLine[]): string[][] {
  const { purpose, registerColumns } = call.texts();
  const rows = shown.map(({ line, about }) => {
    const { seq, at, prev, kind: _, request, case: caseId, by, ...details } = line;
    const cameras = about.cameras.map((one) => {
      const [node = '', camera = ''] = one.split('/');
      return cameraName(call.settings(), node, camera);
    });
    return [
      String(seq),
      localTime(Date.parse(at), call.settings()),
      at,
      actOf(call, line),
      request ?? '',
      caseId ?? '',
      cameras.join('; '),
      about.purpose ? purpose[about.purpose] : '',
      by,
      JSON.stringify(details),
      prev,
    ];
  });
  return [[...registerColumns], ...rows];
}
