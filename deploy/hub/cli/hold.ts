import { Failure } from '#protocol/failure.ts';
import { instantText } from '#protocol/time.ts';
import { caseId, latestNote } from './case-id.ts';
import type { Command } from './command.ts';
import { officerFor, prepare, prepareOptions, requested, windowOptions } from './prepare.ts';
import { parseTime } from './times.ts';

export const hold: Command = {
  summary: 'Prepares that a node keeps footage beyond its term for a request, and prints {"id"}.',
  usage: '--request ID --until TIME [--node N --camera C --from T --to T --purpose P]',
  notes: `For the purposes that the policy allows, until a day that it allows; then the footage goes by itself. To keep it
longer, order another hold before. What is not given is taken from the request. The officer signs with
"hub authorise"; "hub follow" says when the node keeps it. ${latestNote}`,
  options: {
    ...windowOptions,
    until: { type: 'string', value: 'TIME', help: 'when the hold ends by itself (a time, or a day)' },
    ...prepareOptions,
  },
  async run(call) {
    const given = call.need('until');
    const text = /^\d{4}-\d{2}-\d{2}$/.test(given) ? `${given} 00:00` : given;
    const until = instantText(parseTime('until', text, call.settings().zone));
    const asked = await call.client().get('GET /request', { id: call.need('request') });
    const { node, ...window } = requested(call, asked);
    return await prepare(
      call,
      node,
      (head, policy) => ({
        ...head,
        type: 'hold',
        officer: officerFor(call, policy, node),
        ...window,
        until,
      }),
      { request: asked.id },
    );
  },
};

export const release: Command = {
  summary: 'Prepares that a node lets go what a hold keeps, a day after the officer signed; prints {"id"}.',
  usage: 'HOLD',
  notes: `HOLD is the id that "hub hold" printed. An alert says which footage will go, for a day. ${latestNote}`,
  arguments: { least: 1, most: 1 },
  options: prepareOptions,
  async run(call) {
    const { id, type, node } = await call.client().get('GET /case', { id: await caseId(call) });
    if (type !== 'hold') throw new Failure('denied', 'unknown-hold', `case ${id} is no hold`);
    return await prepare(call, node, (head, policy) => ({
      ...head,
      type: 'release',
      officer: officerFor(call, policy, node),
      hold: id,
    }));
  },
};
