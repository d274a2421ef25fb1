import { generateKeyPairSync } from 'node:crypto';
import { systemClock } from '#agent/platform/clock.ts';
import { parseJson } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { type PolicyPayload, parsePolicy } from '#protocol/policy.ts';
import { signedPolicy } from '../authority/enrol.ts';
import { placeTrust } from '../authority/trust-files.ts';
import { adoptPolicy } from '../policies/adopt.ts';
import { rotateNode } from '../policies/changes.ts';
import { readTrusted } from '../trust.ts';
import { brokerOptions, refreshBroker, requireBroker } from './broker.ts';
import { authorityOptions, openCallAuthority } from './ca.ts';
import type { Command } from './command.ts';
import { rootOptions } from './enrol.ts';
import { rootKeys } from './passphrase.ts';

export const revoke: Command = {
  summary: 'Shuts out a box that was stolen: its certificate and its key stop counting everywhere.',
  usage: 'NODE --root-key FILE [options]',
  notes: `Keys, place and folders are checked before anything is done. 1 its certificates go onto the list of revoked
ones; 2 a policy without its key comes into force: its heads are no longer cosigned, its uploads refused; 3 the broker
takes the list and drops it. Cut anywhere, the same command again does the rest. The place stays in the policy, with a
key that nobody has, until another box is enrolled for it.`,
  arguments: { least: 1, most: 1 },
  options: {
    ...rootOptions,
    ...authorityOptions,
    ...brokerOptions,
    json: { type: 'boolean', help: 'what was done as JSON' },
  },
  async run(call) {
    const node = call.positionals[0] as string;
    const settings = call.settings();
    const roots = await rootKeys(call);
    const authority = await openCallAuthority(call);
    const trusted = readTrusted(call.dir);
    if (!trusted.policy.nodes.some(({ id }) => id === node))
      throw new Failure('denied', 'unknown-node', `the policy knows no ${node}`);
    const payload = parseJson(parsePolicy(trusted.envelope).envelope.payload) as PolicyPayload;
    const nobody = publicKeyOf(generateKeyPairSync('ed25519').publicKey);
    const policy = signedPolicy(rotateNode(payload, node, nobody), {
      trusted,
      roots,
      utcMs: systemClock.utc(),
    });
    requireBroker(call);
    // What could be refused was asked: from here on the box loses its place.
    const certificates = await authority.revoke(node, 'stolen');
    // Before the policy: the hub reads the list again when a policy comes.
    placeTrust(call.dir, authority);
    await adoptPolicy(call.dir, call.client(), policy, call.by);
    await refreshBroker(call);
    const { version } = readTrusted(call.dir).policy;
    if (call.flag('json'))
      call.terminal.print(JSON.stringify({ node, certificates, policyVersion: version }));
    else
      call.terminal.print(
        settings.lang === 'it'
          ? `${node}: ${certificates} certificati revocati, chiave fuori dalle regole ${version}.`
          : `${node}: ${certificates} certificates revoked, its key out of policy ${version}.`,
      );
    return 0;
  },
};
