import { exitCodes } from '#protocol/failure.ts';
import type { CaseAnswer } from '../api/schema.ts';
import { caseId, latestNote } from './case-id.ts';
import type { Command } from './command.ts';
import type { Texts } from './texts.ts';
import { megabytes } from './times.ts';

const barCells = 30;

export const follow: Command = {
  summary: 'Shows a case until it is complete, carried out, refused, failed or closed.',
  usage: 'ID',
  notes: `Exit codes: 0 complete, carried out or closed, 1 failed, 2 refused. ${latestNote}`,
  arguments: { least: 1, most: 1 },
  options: { json: { type: 'boolean', help: 'one line of JSON at each change' } },
  async run(call) {
    const client = call.client();
    const texts = call.texts();
    const id = await caseId(call);
    let shown = '';
    let revision = -1;
    for (;;) {
      const one = await client.get('GET /case', { id, after: String(revision) });
      ({ revision } = one);
      const over = endOf(one);
      if (call.flag('json')) {
        const { envelope: _, ...facts } = one;
        const line = JSON.stringify(facts);
        if (line !== shown) call.terminal.print(line);
        shown = line;
      } else {
        const line = sentenceOf(one, texts);
        call.terminal.progress(`${bar(one)}${line}`);
        if ((line !== shown && !call.terminal.interactive) || over !== undefined) call.terminal.print(line);
        shown = line;
      }
      if (over !== undefined) return over;
    }
  },
};

function endOf({ state }: CaseAnswer): number | undefined {
  switch (state) {
    case 'complete':
    case 'executed':
    case 'closing':
    case 'closed':
      return exitCodes.done;
    case 'refused':
      return exitCodes.refused;
    case 'failed':
      return exitCodes.checkFailed;
    default:
      return undefined;
  }
}

function bar({ delivery, state }: CaseAnswer): string {
  if (!delivery || delivery.bytes === 0 || state !== 'authorised') return '';
  const done = Math.floor((barCells * delivery.bytesHere) / delivery.bytes);
  return `${'█'.repeat(done)}${'░'.repeat(barCells - done)} `;
}

function sentenceOf(one: CaseAnswer, texts: Texts): string {
  const word = one.state === 'authorised' ? (one.status?.state ?? 'authorised') : one.state;
  const reason =
    one.state === 'refused' || one.state === 'failed' ? (one.reason ?? one.status?.reason) : undefined;
  const said = `${texts.caseState[word] ?? word}${reason ? ` (${texts.reason[reason] ?? reason})` : ''}`;
  const { delivery } = one;
  if (!delivery || one.state === 'closed') return said;
  return `${said}: ${delivery.filesHere}/${delivery.files}, ${megabytes(delivery.bytesHere)} / ${megabytes(delivery.bytes)}`;
}
