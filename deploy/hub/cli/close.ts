import { caseId, latestNote } from './case-id.ts';
import type { Command } from './command.ts';
import { megabytes } from './times.ts';

export const close: Command = {
  summary:
    'Ends a case: deletes every copy of its footage here and notes it in the register (Art. 9 c. 1 g).',
  usage: 'ID',
  notes: `Manifest, hashes and the lines of the register stay. ${latestNote}`,
  arguments: { least: 1, most: 1 },
  options: { json: { type: 'boolean', help: 'print {"files","bytes"}: what was deleted' } },
  async run(call) {
    const id = await caseId(call);
    const erased = await call.client().post('close', { by: call.by, id });
    call.terminal.print(
      call.flag('json') ? JSON.stringify(erased) : call.texts().erased(erased.files, megabytes(erased.bytes)),
    );
    return 0;
  },
};
