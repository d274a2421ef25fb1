import { Failure } from '#protocol/failure.ts';
import type { PublicKey } from '#protocol/key.ts';
import type { PolicyPayload, Role } from '#protocol/policy.ts';
import { instantText } from '#protocol/time.ts';

/** The next version of a policy, one change at a time. Nothing here signs, and `verifyPolicy` judges what comes out. */

const forEver = '9999-12-31T23:59:59.999Z';

function refuse(code: string, sentence: string): never {
  throw new Failure('usage', code, sentence);
}

/** A key for a person, who is added when the policy does not name them. */
export function addPerson(
  policy: PolicyPayload,
  { name, role, key, nodes }: { name: string; role: Role; key: PublicKey; nodes?: string[] },
): PolicyPayload {
  const holder = policy.persons.find(({ keys }) => keys.some(({ keyid }) => keyid === key.id));
  if (holder) refuse('known-key', `this key is ${holder.name}'s already`);
  const fresh = { keyid: key.id, publicKey: key.spki, role, ...(nodes ? { nodes } : {}) };
  const known = policy.persons.some((person) => person.name === name);
  const persons = known
    ? policy.persons.map((person) =>
        person.name === name ? { ...person, keys: [...person.keys, fresh] } : person,
      )
    : [...policy.persons, { name, keys: [fresh] }];
  return { ...policy, persons };
}

/** Takes away one key, by its id or the beginning of it (8 digits at least), or everything of a person. */
export function revoke(policy: PolicyPayload, whom: string): PolicyPayload {
  const isKey = /^[0-9a-f]{8,64}$/.test(whom);
  const hit = (name: string, keyid: string): boolean => name === whom || (isKey && keyid.startsWith(whom));
  const keys = policy.persons.flatMap(({ name, keys }) => keys.filter(({ keyid }) => hit(name, keyid)));
  if (keys.length === 0) refuse('unknown-key', `the policy names nobody and no key "${whom}"`);
  if (isKey && keys.length > 1) refuse('ambiguous', `${keys.length} keys begin with ${whom}`);
  const persons = policy.persons
    .map((person) => ({ ...person, keys: person.keys.filter(({ keyid }) => !hit(person.name, keyid)) }))
    .filter((person) => person.keys.length > 0);
  return { ...policy, persons };
}

/** From `utcMs` on nodes seal to `recipient` instead of the one that had this role there. */
export function rotateIdentity(
  policy: PolicyPayload,
  {
    role,
    recipient,
    nodes,
    utcMs,
  }: { role: 'officer' | 'escrow'; recipient: string; nodes?: string[]; utcMs: number },
): PolicyPayload {
  if (policy.recipients.some((one) => one.recipient === recipient))
    refuse('known-recipient', 'the policy names this recipient already');
  const at = instantText(utcMs);
  const scope = (of: string[] | undefined): string => JSON.stringify([...(of ?? [])].sort());
  const ending = (one: PolicyPayload['recipients'][number]): boolean =>
    one.role === role && Date.parse(one.until) > utcMs && scope(one.nodes) === scope(nodes);
  if (!policy.recipients.some(ending))
    refuse('unknown-recipient', `no ${role} of this scope is in force: name the same --nodes as it has`);
  return {
    ...policy,
    recipients: [
      ...policy.recipients.map((one) => (ending(one) ? { ...one, until: at } : one)),
      { recipient, role, ...(nodes ? { nodes } : {}), from: at, until: forEver },
    ],
  };
}

/** Another signing key for a node: what was made on its new box. */
export function rotateNode(policy: PolicyPayload, node: string, key: PublicKey): PolicyPayload {
  if (!policy.nodes.some(({ id }) => id === node)) refuse('unknown-node', `the policy knows no ${node}`);
  if (policy.nodes.some((one) => one.key === key.spki)) refuse('known-key', 'a node has this key already');
  return {
    ...policy,
    nodes: policy.nodes.map((one) => (one.id === node ? { ...one, key: key.spki } : one)),
  };
}

/** Another key for the hub: that of the machine which takes its place. */
export function rotateHub(policy: PolicyPayload, key: PublicKey): PolicyPayload {
  if (policy.hub.key === key.spki) refuse('known-key', 'the hub has this key already');
  return { ...policy, hub: { key: key.spki } };
}

/** `extract:officer=2`; zero takes the role out of the threshold. */
export function setThreshold(policy: PolicyPayload, text: string): PolicyPayload {
  const match = /^([a-z]+):([a-z]+)=(\d{1,2})$/.exec(text);
  const act = match?.[1] as keyof PolicyPayload['thresholds'] | undefined;
  if (act === undefined || !Object.hasOwn(policy.thresholds, act))
    return refuse('threshold', `"${text}" is no threshold: write ACT:ROLE=N, such as extract:officer=1`);
  const { [match?.[2] as Role]: _, ...rest } = policy.thresholds[act];
  const count = Number(match?.[3]);
  return {
    ...policy,
    thresholds: {
      ...policy.thresholds,
      [act]: count === 0 ? rest : { ...rest, [match?.[2] as Role]: count },
    },
  };
}

/** The version after, dated now. */
export function nextVersion(policy: PolicyPayload, utcMs: number): PolicyPayload {
  return { ...policy, version: policy.version + 1, issuedAt: instantText(utcMs) };
}

/** A node that the policy does not know yet. */
export function addNode(
  policy: PolicyPayload,
  { id, key, cameras }: { id: string; key: PublicKey; cameras: string[] },
): PolicyPayload {
  if (policy.nodes.some((node) => node.id === id)) refuse('known-node', `the policy knows ${id} already`);
  if (policy.nodes.some((one) => one.key === key.spki)) refuse('known-key', 'a node has this key already');
  return { ...policy, nodes: [...policy.nodes, { id, key: key.spki, cameras }] };
}
