import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { maxCommandBytes } from '#protocol/command.ts';
import type { Policy } from '#protocol/policy.ts';
import { commandOf } from '../cases/case.ts';
import { type History, keptPolicies, policyFile } from '../trust.ts';
import { readPart } from './evidence.ts';

/**
 * The policy under which the command of a case was given: persons and keys that went since were good then. The newest
 * when this hub does not know that version, which the command then fails against.
 */
export function policyOf(history: History, folder: string): Policy {
  const { policyVersion } = commandOf(readPart(folder, 'command.dsse.json', maxCommandBytes));
  return (history.at(policyVersion) ?? history).policy;
}

/** The file with that policy, relative to the hub's folder. */
export function policyFileOf(hubFolder: string, version: number): string {
  const kept = join(keptPolicies, policyFile(version));
  return existsSync(join(hubFolder, kept)) ? kept : 'policy.dsse.json';
}
