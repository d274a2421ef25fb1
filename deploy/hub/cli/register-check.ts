import { join } from 'node:path';
import { systemFiles } from '#agent/platform/files.ts';
import { exitCodes } from '#protocol/failure.ts';
import type { RegisterLine } from '../register/register.ts';
import { type Testimony, testimonies } from '../register/witnessed.ts';
import { readTrusted } from '../trust.ts';
import type { Call } from './command.ts';
import { localTime } from './times.ts';

/** Compares the register with the heads of it that the nodes wrote into their own logs; 1 when one contradicts it. */
export async function checkRegister(call: Call, lines: readonly RegisterLine[]): Promise<number> {
  const { all } = readTrusted(call.dir);
  const said = await testimonies(systemFiles, join(call.dir, 'data', 'logs'), lines, {
    nodes: (node) => all.flatMap(({ policy }) => policy.nodes.find(({ id }) => id === node)?.key ?? []),
    hubs: all.map(({ policy }) => policy.hub.key),
  });
  const ok = said.every(({ broken, against }) => !broken && against.length === 0);
  if (call.flag('json')) call.terminal.print(JSON.stringify({ ok, size: lines.length, nodes: said }));
  else tell(call, lines.length, said, ok);
  return ok ? exitCodes.done : exitCodes.checkFailed;
}

function tell(call: Call, size: number, said: readonly Testimony[], ok: boolean): void {
  const { witnessed } = call.texts();
  const time = (at: number): string => localTime(at, call.settings());
  const heads = said.reduce((sum, one) => sum + one.heads, 0);
  const nodes = said.filter((one) => one.heads > 0).length;
  const newest = Math.max(0, ...said.map((one) => one.newest?.size ?? 0));
  call.terminal.print(witnessed.sentence({ ok, size, heads, nodes, newest }));
  for (const { node, archived, against, broken } of said) {
    const name = archived ?? node;
    if (broken) call.terminal.print(`  ▲ ${witnessed.broken(name)}`);
    for (const { seq, at, size: then, why } of against)
      call.terminal.print(`  ▲ ${witnessed[why](name, seq, time(at), then)}`);
  }
}
