import { done, type } from './command.ts';
import type { Fleet } from './fleet.ts';

/** An extraction as persons make it, command by command. */
export interface Delivered {
  id: string;
  files: number;
  bytes: number;
  /** From the officer's signature until every file was there. */
  ms: number;
}

const followMs = 180_000;

/** A request, an extraction signed by operator and officer, and its delivery. Throws what a command said. */
export async function extract(
  fleet: Fleet,
  what: { node: string; camera: string; from: number; to: number; protocol: string },
): Promise<Delivered> {
  const hub = ['--hub', fleet.prepared.hub];
  const instant = (utcMs: number): string => new Date(utcMs).toISOString();
  const request = done(
    await type('hub', [
      ...[
        'request',
        ...hub,
        '--json',
        '--protocol',
        what.protocol,
        '--date',
        instant(Date.now()).slice(0, 10),
      ],
      ...['--authority', 'Procura della Repubblica di Trento', '--person', 'Mario Rossi, maresciallo'],
      ...['--purpose', 'judicial-police', '--reason', 'Danneggiamento di un veicolo'],
      ...['--node', what.node, '--camera', what.camera],
      ...['--from', instant(what.from), '--to', instant(what.to)],
    ]),
  );
  const prepared = done(await type('hub', ['extract', ...hub, '--request', JSON.parse(request.stdout).id]));
  const { id } = JSON.parse(prepared.stdout) as { id: string };
  done(await type('hub', ['authorise', id, '--yes', ...hub]));
  const signed = performance.now();
  const followed = done(await type('hub', ['follow', id, '--json', ...hub], followMs));
  const last = JSON.parse(followed.stdout.trim().split('\n').pop() ?? '{}');
  const { files, filesHere, bytes, bytesHere } = last.delivery;
  if (filesHere !== files || bytesHere !== bytes)
    throw new Error(`${id}: ${filesHere} of ${files} files, ${bytesHere} of ${bytes} bytes`);
  return { id, files, bytes, ms: performance.now() - signed };
}
