import { caseId, latestNote } from './case-id.ts';
import type { Command } from './command.ts';

export const report: Command = {
  summary:
    'Enters against a case that signs of an offence were seen and reported to the local police (Art. 7).',
  usage: 'ID --text TEXT [--to WHO]',
  notes: `Only of a case that was opened: who has seen nothing reports nothing. ${latestNote}`,
  arguments: { least: 1, most: 1 },
  options: {
    text: { type: 'string', value: 'TEXT', help: 'what was seen, and when' },
    to: { type: 'string', value: 'WHO', help: 'who was informed (Polizia locale)' },
    json: { type: 'boolean', help: 'print {"seq"}: the line of the register' },
  },
  async run(call) {
    const id = await caseId(call);
    const to = call.option('to') ?? 'Polizia locale';
    const { seq } = await call.client().post('report', { by: call.by, id, text: call.need('text'), to });
    call.terminal.print(call.flag('json') ? JSON.stringify({ seq }) : call.texts().reported(seq, to));
    return 0;
  },
};
