import { Failure } from '#protocol/failure.ts';
import type { Command } from './command.ts';

export const node: Command = {
  summary:
    'Says that the box or the disk of a node was replaced: its old log is archived, and a new one may begin.',
  usage: 'replace NODE --reason TEXT',
  notes: `Without it a new box looks like a forged log: the hub alarms and does not cosign, so that nothing leaves the node.
Refused for a node that is there and goes on with the log it showed. The old copy stays below data/logs/archive/.`,
  arguments: { least: 2, most: 2 },
  options: {
    reason: { type: 'string', value: 'TEXT', help: 'what was replaced and why; it stands in the register' },
    json: { type: 'boolean', help: 'print {"node","lines"}: of the log that ended' },
  },
  async run(call) {
    const [what, of] = call.positionals as [string, string];
    if (what !== 'replace')
      throw new Failure('usage', 'usage', `"${what}" is no act on a node: see "hub node --help"`);
    const { lines } = await call
      .client()
      .post('replace', { by: call.by, node: of, reason: call.need('reason') });
    call.terminal.print(
      call.flag('json') ? JSON.stringify({ node: of, lines }) : call.texts().replaced(of, lines),
    );
    return 0;
  },
};
