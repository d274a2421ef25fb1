import type { Command } from './command.ts';
import { localTime } from './times.ts';

export const register: Command = {
  summary: 'Prints the register of requests, openings, deliveries and closings.',
  usage: '[--case ID] [--request ID] [--json]',
  options: {
    case: { type: 'string', value: 'ID', help: 'only lines about this case' },
    request: { type: 'string', value: 'ID', help: 'only lines about this request' },
    json: { type: 'boolean', help: 'lines and head as JSON' },
  },
  async run(call) {
    const { lines, size, hash } = await call.client().get('GET /register');
    const caseId = call.option('case');
    const request = call.option('request');
    const shown = lines.filter(
      (line) => (caseId ?? line.case) === line.case && (request ?? line.request) === line.request,
    );
    if (call.flag('json')) {
      call.terminal.print(JSON.stringify({ size, head: hash, lines: shown }));
      return 0;
    }
    const { act } = call.texts();
    for (const line of shown) {
      const what = `${line.request ?? ''} ${line.case ?? ''}`.trim();
      call.terminal.print(
        `${String(line.seq).padStart(5)}  ${localTime(Date.parse(line.at), call.settings())}  ${act[line.kind].padEnd(14)} ${what}  ${line.by}`,
      );
    }
    return 0;
  },
};
