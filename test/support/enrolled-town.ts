import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parseDocument } from 'yaml';
import type { TestAuthority } from './certificates.ts';
import { runProgram } from './child-program.ts';
import type { Town } from './town.ts';

/** What `hub ca init` made, as the town's broker takes it. */
export function authorityOf(hub: string): TestAuthority {
  const at = (name: string): string => join(hub, 'broker', name);
  const refuse = (): never => {
    throw new Error('certificates come from the hub here');
  };
  return {
    ca: at('ca.crt'),
    crl: at('ca.crl'),
    issue: (name) => (name === 'broker' ? { cert: at('broker.crt'), key: at('broker.key') } : refuse()),
    revoke: refuse,
  };
}

/** Changes scalars of a YAML file. */
export function editYaml(file: string, changes: readonly (readonly [string[], unknown])[]): void {
  const document = parseDocument(readFileSync(file, 'utf8'));
  for (const [path, value] of changes) document.setIn(path, value);
  writeFileSync(file, document.toString({ lineWidth: 0 }));
}

export interface Typed {
  code: number;
  out: string;
  err: string;
}

/** `hub …` and `agent …` as people type them. */
export function commandsOf(town: Pick<Town, 'hub'>) {
  const hub = (...args: string[]): Promise<Typed> =>
    runProgram('deploy/hub/main.ts', [...args, '--hub', town.hub]);
  const agent = (...args: string[]): Promise<Typed> => runProgram('agent/main.ts', args);
  const must = async (typed: Promise<Typed>): Promise<string> => {
    const { code, out, err } = await typed;
    assert.is(code, 0, err);
    return out.trim();
  };
  const root = ['--root-key', join(town.hub, 'keys', 'root.key')];
  return { hub, agent, must, root };
}
