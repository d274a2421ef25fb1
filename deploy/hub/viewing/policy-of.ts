import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { maxCommandBytes } from '#protocol/command.ts';
import { Failure } from '#protocol/failure.ts';
import { parsePublicPem } from '#protocol/key.ts';
import { maxPolicyBytes, type Policy, type Trust, verifyPolicy } from '#protocol/policy.ts';
import { commandOf } from '../cases/case.ts';
import { type History, historyOf, type Trusted } from '../trust.ts';
import { readPart } from './evidence.ts';
import type { Grounds } from './grounds.ts';

/** Of the case in a folder. The newest when its version is not known here, which the command then fails against. */
export function policyOf(history: History, folder: string): Grounds {
  const { policyVersion } = commandOf(readPart(folder, 'command.dsse.json', maxCommandBytes));
  const { policy } = history.at(policyVersion) ?? history;
  const later = history.all.map((one) => one.policy).filter(({ version }) => version > policy.version);
  return { policy, later };
}

/** Under this name a package has the policy of its command; the others carry their version. */
const ownPolicy = 'policy.dsse.json';
const otherPolicy = /^policy-\d{10}\.dsse\.json$/;
/** Every root, node and hub of a town replaced many times over. */
const mostPolicies = 64;

/**
 * The policies that a package of a command needs, with their names in it: those that lead from the first roots to the
 * command's version, and those that prove another key of its node, or of the hub, since. Steps that change nothing of
 * this are left out.
 */
export function policyParts(
  history: History,
  version: number,
  node: string,
): { name: string; envelope: Buffer }[] {
  const own = history.at(version) ?? history;
  const keysOf = ({ policy }: Trusted): string =>
    `${policy.nodes.find(({ id }) => id === node)?.key.id} ${policy.hub.key.id}`;
  const later = history.all.filter((one) => one.policy.version > own.policy.version);
  const changes = later.filter((one, index) => keysOf(one) !== keysOf(later[index - 1] ?? own));
  const way: Trusted[] = [];
  for (const station of [own, ...changes]) {
    while ((way.at(-1)?.policy.version ?? 0) < station.policy.version) {
      const last = way.at(-1);
      const next = history.all.findLast(
        (one) =>
          one.policy.version > (last?.policy.version ?? 0) &&
          one.policy.version <= station.policy.version &&
          follows(history.trust, one, last),
      );
      if (next === undefined)
        throw new Failure('corrupt', 'policy-signature', `nothing leads to policy ${station.policy.version}`);
      way.push(next);
    }
  }
  return way.map((one) => ({
    name: one === own ? ownPolicy : `policy-${String(one.policy.version).padStart(10, '0')}.dsse.json`,
    envelope: one.envelope,
  }));
}

function follows(trust: Trust, { envelope }: Trusted, before: Trusted | undefined): boolean {
  try {
    verifyPolicy(envelope, trust, before?.policy);
    return true;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return false;
  }
}

/**
 * The policies of an unpacked package, from a root that somebody trusts: that of its command, and what follows from
 * it. Who was given a later root key than the first begins where that root signs. Throws what `verifyPolicy` throws.
 */
export function packagePolicies(folder: string, rootFile: string): Grounds {
  const trust: Trust = { roots: parsePublicPem(readFileSync(rootFile, 'utf8')), threshold: 1 };
  const own = readPart(folder, ownPolicy, maxPolicyBytes);
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => otherPolicy.test(name)) : [];
  if (names.length > mostPolicies)
    throw new Failure('invalid', 'too-large', `more than ${mostPolicies} policies`);
  let rest = names.sort().map((name) => readPart(folder, name, maxPolicyBytes));
  for (;;)
    try {
      const { all } = historyOf(trust, [own, ...rest]);
      const mine = all.findIndex(({ envelope }) => envelope.equals(own));
      const [policy, ...later] = all.slice(mine).map((one) => one.policy);
      return { policy: policy as Policy, later };
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'policy-signature' || rest.length === 0) throw error;
      rest = rest.slice(1);
    }
}
