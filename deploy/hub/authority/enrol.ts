import type { KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  type EnrolmentRequest,
  readRequest,
  type Secrets,
  sealSecrets,
  secretName,
  signAnswer,
} from '#protocol/enrolment.ts';
import { parseJson, payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { type PolicyPayload, parsePolicy, verifyPolicy } from '#protocol/policy.ts';
import { instantText } from '#protocol/time.ts';
import { addNode, nextVersion, rotateNode } from '../policies/changes.ts';
import type { Settings } from '../settings.ts';
import type { Trusted } from '../trust.ts';
import type { Authority } from './authority.ts';
import { keyOfRequest } from './x509.ts';

export type Enrolment = 'new' | 'renewed' | 'replaced';

/** A request that was read and found good, and what granting it means. */
export interface Admitted {
  request: EnrolmentRequest & { hash: string };
  tlsKey: KeyObject;
  how: Enrolment;
}

/**
 * Reads a request and says what granting it would do: a box for a place that is free, the same box again, or another
 * box for a place that is taken. Throws what `readRequest` throws; `request-malformed`; `denied` `unknown-node`,
 * `stolen-box`, `already-enrolled` (without `replace`), `known-key` (the key of another node).
 */
export async function admitRequest(
  bytes: Uint8Array,
  given: { authority: Authority; trusted: Trusted; settings: Settings; replace: boolean },
): Promise<Admitted> {
  const request = readRequest(bytes);
  const { node } = request;
  const { nodes } = given.trusted.policy;
  if (!nodes.some(({ id }) => id === node) && !given.settings.nodes.some(({ id }) => id === node))
    throw new Failure('denied', 'unknown-node', `neither the policy nor hub.yaml knows a ${node}`);
  const tlsKey = await keyOfRequest(request.certificateRequest, node);
  const { recipient, nodeKey } = request;
  if (given.authority.isStolen({ publicKey: tlsKey, nodeKey: nodeKey.id, recipient }))
    throw new Failure(
      'denied',
      'stolen-box',
      `the request is of a box of ${node} that was revoked as stolen: one that came back is set up anew`,
    );
  const holder = nodes.find(({ key }) => key.id === request.nodeKey.id)?.id;
  if (holder !== undefined && holder !== node)
    throw new Failure('denied', 'known-key', `the key in the request is that of ${holder}`);
  if (holder === node) return { request, tlsKey, how: 'renewed' };
  if (given.authority.standing(node).length === 0) return { request, tlsKey, how: 'new' };
  if (!given.replace)
    throw new Failure(
      'denied',
      'already-enrolled',
      `${node} has a box with a certificate; for another box in its place: --replace`,
    );
  return { request, tlsKey, how: 'replaced' };
}

/** The next policy with the keys of the boxes that are new; undefined when none is. Throws as `verifyPolicy` does. */
export function policyWith(
  admitted: readonly Admitted[],
  given: { trusted: Trusted; settings: Settings; roots: readonly KeyObject[]; utcMs: number },
): string | undefined {
  const { trusted, settings } = given;
  const payload = parseJson(parsePolicy(trusted.envelope).envelope.payload) as PolicyPayload;
  const next = admitted
    .filter(({ how }) => how !== 'renewed')
    .reduce((policy, { request: { node, nodeKey } }) => {
      if (policy.nodes.some(({ id }) => id === node)) return rotateNode(policy, node, nodeKey);
      const cameras = settings.nodes.find(({ id }) => id === node)?.cameras ?? [];
      return addNode(policy, { id: node, key: nodeKey, cameras: cameras.map(({ id }) => id) });
    }, payload);
  return next === payload ? undefined : signedPolicy(next, given);
}

/** The version after the one in force, signed. Throws `policy-signature` when more roots are needed. */
export function signedPolicy(
  policy: PolicyPayload,
  given: { trusted: Trusted; roots: readonly KeyObject[]; utcMs: number },
): string {
  const bytes = Buffer.from(JSON.stringify(nextVersion(policy, given.utcMs)));
  const text = signEnvelope(payloadTypes.policy, bytes, given.roots);
  verifyPolicy(Buffer.from(text), { roots: [], threshold: 1 }, given.trusted.policy);
  return text;
}

/** Certificate, policy and secrets for one box. Certificates for other keys of this node end: how many did. */
export async function answerTo(
  { request, tlsKey }: Admitted,
  given: {
    authority: Authority;
    policy: Buffer;
    roots: readonly KeyObject[];
    secrets: Secrets | undefined;
    utcMs: number;
  },
): Promise<{ text: string; ended: number }> {
  const { authority, secrets } = given;
  const { node, nodeKey, recipient, hash } = request;
  const certificate = await authority.issue({
    name: node,
    publicKey: tlsKey,
    request: hash,
    nodeKey: nodeKey.id,
    recipient,
  });
  // Also for a renewal: it may be the second half of a replacement that was cut.
  const ended = await authority.revoke(node, 'replaced', tlsKey);
  const text = signAnswer(
    {
      version: 1,
      node,
      request: hash,
      certificate,
      authority: authority.certificate,
      policy: given.policy.toString('utf8'),
      ...(secrets === undefined || Object.keys(secrets).length === 0
        ? {}
        : { secrets: (await sealSecrets(secrets, recipient)).toString('base64') }),
      at: instantText(given.utcMs),
    },
    given.roots,
  );
  return { text, ended };
}

const naming = z.object({
  cameras: z.array(z.object({ credentials: secretName.optional() })).default([]),
  links: z.array(z.object({ credentials: secretName.optional() })).default([]),
});

/** Names of the secrets that the configuration of a node asks for. */
export function secretsWanted(settings: Settings, node: string): string[] {
  const file = join(settings.dir, 'nodes', node, 'agent.yaml');
  if (!existsSync(file)) return [];
  const parsed = naming.safeParse(parse(readFileSync(file, 'utf8')));
  if (!parsed.success)
    throw new Failure('config', 'agent-yaml', `${file}: "credentials" name secrets of letters and digits`);
  const { cameras, links } = parsed.data;
  return [...new Set([...cameras, ...links].flatMap(({ credentials }) => credentials ?? []))];
}

/**
 * Lines `cam-1=user:password` or `site-09/cam-1=user:password`, `#` begins a comment; those of `node`.
 * Throws `usage` `secrets`, naming the line and never what is in it.
 */
export function secretsIn(text: string, node: string): Secrets {
  const found: Secrets = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const match = /^(?:([a-z0-9-]+)\/)?([A-Za-z0-9][A-Za-z0-9._-]{0,63})=(.{1,1000})$/.exec(line);
    if (match === null)
      throw new Failure(
        'usage',
        'secrets',
        `line ${index + 1} of the secrets is not NAME=value or NODE/NAME=value`,
      );
    const [, of, name, value] = match as unknown as [string, string | undefined, string, string];
    if (of === undefined || of === node) found[name] = value;
  }
  return found;
}
