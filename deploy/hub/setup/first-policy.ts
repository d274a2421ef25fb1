import { publicKeyOf } from '#protocol/key.ts';
import type { PolicyPayload, Role } from '#protocol/policy.ts';
import { instantText } from '#protocol/time.ts';
import type { SigningKey } from './keys.ts';
import type { Sites } from './sites.ts';

/** Who holds the first keys. */
export interface Names {
  root: string;
  operator: string;
  officer: string;
}

/** Version 1 of the policy: one person a role, two recipients for every node, every command by two persons. */
export function firstPolicy(given: {
  sites: Sites;
  names: Names;
  keys: Record<keyof Names | 'hub', SigningKey>;
  nodeKeys: ReadonlyMap<string, SigningKey>;
  recipients: { officer: string; escrow: string };
  utcMs: number;
}): PolicyPayload {
  const { keys } = given;
  const person = (role: keyof Names & Role) => {
    const { id, spki } = publicKeyOf(keys[role].key);
    return { name: given.names[role], keys: [{ keyid: id, publicKey: spki, role }] };
  };
  const both = { operator: 1, officer: 1 };
  // No end and no beginning: a box whose clock fell back to 1970 must still find whom to seal to. Recipients are
  // taken out by a later policy, not by a date.
  const always = { from: instantText(0), until: '9999-12-31T23:59:59.999Z' };
  return {
    version: 1,
    issuedAt: instantText(given.utcMs),
    retentionCeilingHours: 168,
    logRetentionDays: 180,
    nodes: given.sites.nodes.map(({ id, cameras }) => ({
      id,
      key: publicKeyOf((given.nodeKeys.get(id) as SigningKey).key).spki,
      cameras: cameras.map((camera) => camera.id),
    })),
    persons: [person('root'), person('operator'), person('officer')],
    thresholds: {
      policy: { root: 1 },
      extract: both,
      hold: both,
      release: both,
      snapshot: both,
      probe: { operator: 1 },
    },
    holdPurposes: ['judicial-police'],
    recipients: [
      { recipient: given.recipients.officer, role: 'officer', ...always },
      { recipient: given.recipients.escrow, role: 'escrow', ...always },
    ],
    hub: { key: publicKeyOf(keys.hub.key).spki },
  };
}
