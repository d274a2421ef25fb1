import { Failure } from '#protocol/failure.ts';
import { purpose, purposes } from '#protocol/purpose.ts';
import { instantText } from '#protocol/time.ts';
import type { Command } from './command.ts';
import { personsIn } from './prepare.ts';
import { showWindow } from './show-window.ts';
import { parseTime } from './times.ts';

export const request: Command = {
  summary: 'Enters a written request in the register (Art. 9 c. 1 a and f) and prints its number.',
  usage:
    '--protocol N --date DAY --authority WHO --person "NAME, QUALIFICATION" --purpose P --reason TEXT --node N --camera C --from T --to T',
  notes: `Purposes: ${purposes.join(', ')}. Where an earlier request asks for the very same, as after an interrupted
command, that is said: one of the two is then rejected.`,
  options: {
    protocol: { type: 'string', value: 'N', help: 'protocol number of the request' },
    date: { type: 'string', value: 'DAY', help: 'its date, YYYY-MM-DD' },
    authority: { type: 'string', value: 'WHO', help: 'who asks' },
    person: {
      type: 'string',
      multiple: true,
      value: '"NAME, QUALIFICATION"',
      help: 'charged with viewing or taking',
    },
    purpose: { type: 'string', value: 'P', help: 'what for' },
    reason: { type: 'string', value: 'TEXT', help: 'why' },
    node: { type: 'string', value: 'NODE', help: 'site of the cameras' },
    camera: { type: 'string', multiple: true, value: 'CAMERA', help: 'camera of that site, or NODE/CAMERA' },
    from: { type: 'string', value: 'TIME', help: 'first instant asked for' },
    to: { type: 'string', value: 'TIME', help: 'first instant not asked for' },
    json: {
      type: 'boolean',
      help: 'print {"id","recordHash"}, and "same" where an earlier one asks the same',
    },
  },
  async run(call) {
    const wanted = purpose.safeParse(call.need('purpose'));
    if (!wanted.success)
      throw new Failure(
        'denied',
        'purpose-not-allowed',
        `"${call.need('purpose')}" is no purpose of Art. 8: ${purposes.join(', ')}`,
      );
    const cameras = [...new Set(call.options('camera'))];
    if (cameras.length === 0) throw new Failure('usage', 'usage', '--camera is needed');
    const persons = personsIn(call, 'person');
    if (persons.length === 0)
      throw new Failure(
        'usage',
        'usage',
        '--person is needed: who will view or take the pictures (Art. 7 c. 3)',
      );
    const { zone } = call.settings();
    const from = instantText(parseTime('from', call.need('from'), zone));
    const to = instantText(parseTime('to', call.need('to'), zone));
    const windows = cameras.map((text) => {
      const slash = text.indexOf('/');
      return slash < 0
        ? { node: call.need('node'), camera: text, from, to }
        : { node: text.slice(0, slash), camera: text.slice(slash + 1), from, to };
    });
    for (const window of windows) await showWindow(call, window);
    const { id, recordHash, same } = await call.client().post('request', {
      by: call.by,
      record: {
        protocol: call.need('protocol'),
        date: call.need('date'),
        authority: call.need('authority'),
        persons,
        purpose: wanted.data,
        reason: call.need('reason'),
        windows,
      },
    });
    if (same !== undefined) call.terminal.note(call.texts().sameRequest(same, id));
    const entered = { id, recordHash, ...(same === undefined ? {} : { same }) };
    call.terminal.print(call.flag('json') ? JSON.stringify(entered) : id);
    return 0;
  },
};

export const reject: Command = {
  summary: 'Enters in the register that a request is rejected, and why.',
  usage: 'REQUEST --reason TEXT',
  arguments: { least: 1, most: 1 },
  options: {
    reason: { type: 'string', value: 'TEXT', help: 'why it is rejected' },
    json: { type: 'boolean', help: 'print {"seq"}: the line of the register' },
  },
  async run(call) {
    const body = { by: call.by, request: call.positionals[0] as string, reason: call.need('reason') };
    const { seq } = await call.client().post('reject', body);
    call.terminal.print(call.flag('json') ? JSON.stringify({ seq }) : `${body.request}: ${seq}`);
    return 0;
  },
};
