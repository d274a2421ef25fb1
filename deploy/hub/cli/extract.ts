import { latestNote } from './case-id.ts';
import type { Command } from './command.ts';
import { officerFor, prepare, prepareOptions, requested, reviewOption, windowOptions } from './prepare.ts';
import { showWindow } from './show-window.ts';

export const extract: Command = {
  summary: 'Prepares an extraction for a request, signs it as operator, and prints {"id"}.',
  usage: '--request ID [--node N --camera C --from T --to T --purpose P]',
  notes: `What is not given is taken from the request, when it says it once. ${latestNote}`,
  options: { ...windowOptions, ...reviewOption, ...prepareOptions },
  async run(call) {
    const asked = await call.client().get('GET /request', { id: call.need('request') });
    const { node, ...window } = requested(call, asked);
    await showWindow(call, { node, ...window });
    return await prepare(
      call,
      node,
      (head, policy) => ({
        ...head,
        type: 'extract',
        officer: officerFor(call, policy, node),
        ...window,
      }),
      { request: asked.id },
    );
  },
};
