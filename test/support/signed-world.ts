import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import type { CommandPayload } from '#protocol/command.ts';
import { payloadTypes, signEnvelope } from '#protocol/envelope.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { type Policy, type PolicyPayload, type Trust, verifyPolicy } from '#protocol/policy.ts';
import { instantText } from '#protocol/time.ts';

/** Keys, persons and a policy as a town has them, with everything it takes to sign a command or to forge one. */
export function signedWorld(nowUtc = Date.UTC(2026, 0, 15, 12)) {
  const make = () => generateKeyPairSync('ed25519').privateKey;
  const keys = {
    root: make(),
    operator: make(),
    officer: make(),
    officer2: make(),
    node: make(),
    hub: make(),
    maintainer: make(),
    stranger: make(),
  };
  const idOf = (key: KeyObject): string => publicKeyOf(key).id;
  const personKey = (
    key: KeyObject,
    role: 'root' | 'operator' | 'officer' | 'maintainer',
    nodes?: string[],
  ) => ({
    keyid: idOf(key),
    publicKey: publicKeyOf(key).spki,
    role,
    ...(nodes ? { nodes } : {}),
  });
  const both = { operator: 1, officer: 1 };
  const policyPayload = (change: Partial<PolicyPayload> = {}): PolicyPayload => ({
    version: 1,
    issuedAt: instantText(nowUtc - 86_400_000),
    retentionCeilingHours: 168,
    logRetentionDays: 180,
    nodes: [
      { id: 'site-09', key: publicKeyOf(keys.node).spki, cameras: ['cam-1', 'cam-2'] },
      { id: 'site-10', key: publicKeyOf(make()).spki, cameras: ['cam-1'] },
    ],
    persons: [
      { name: 'Sindaca', keys: [personKey(keys.root, 'root')] },
      { name: 'Anna', keys: [personKey(keys.operator, 'operator')] },
      { name: 'Bruno', keys: [personKey(keys.officer, 'officer')] },
      { name: 'Carla', keys: [personKey(keys.officer2, 'officer', ['site-10'])] },
      { name: 'Dario', keys: [personKey(keys.maintainer, 'maintainer')] },
    ],
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
      {
        recipient: `age1${'q'.repeat(58)}`,
        role: 'officer',
        from: instantText(0),
        until: instantText(nowUtc * 2),
      },
      {
        recipient: `age1${'p'.repeat(58)}`,
        role: 'escrow',
        from: instantText(0),
        until: instantText(nowUtc * 2),
      },
    ],
    hub: { key: publicKeyOf(keys.hub).spki },
    ...change,
  });
  const signPolicy = (payload: unknown, signers = [keys.root]): Buffer =>
    Buffer.from(signEnvelope(payloadTypes.policy, Buffer.from(JSON.stringify(payload)), signers));
  const trust: Trust = { roots: [publicKeyOf(keys.root)], threshold: 1 };
  const policy: Policy = verifyPolicy(signPolicy(policyPayload()), trust);

  const sign = (payload: unknown, signers: KeyObject[] = [keys.operator, keys.officer]): Buffer =>
    Buffer.from(signEnvelope(payloadTypes.command, Buffer.from(JSON.stringify(payload)), signers));
  const head = (now = nowUtc) => ({
    id: uuidV7(now),
    node: 'site-09',
    issuedAt: instantText(now - 1000),
    expiresAt: instantText(now + 3_600_000),
    policyVersion: 1,
    operator: idOf(keys.operator),
  });
  const request = { protocol: '2026/0147', date: '2026-01-15', recordHash: 'cd'.repeat(32) };
  return {
    keys,
    idOf,
    policy,
    policyPayload,
    signPolicy,
    trust,
    sign,
    probe: (change: object = {}) => ({ ...head(), type: 'probe' as const, ...change }),
    extract: (change: object = {}) => ({
      ...head(),
      officer: idOf(keys.officer),
      type: 'extract' as const,
      camera: 'cam-1',
      from: instantText(nowUtc - 600_000),
      to: instantText(nowUtc - 300_000),
      purpose: 'judicial-police' as const,
      request,
      ...change,
    }),
    hold: (change: object = {}) => ({
      ...head(),
      officer: idOf(keys.officer),
      type: 'hold' as const,
      camera: 'cam-1',
      from: instantText(nowUtc - 600_000),
      to: instantText(nowUtc - 300_000),
      until: instantText(nowUtc + 30 * 86_400_000),
      purpose: 'judicial-police' as const,
      request,
      ...change,
    }),
    release: (hold: string, change: object = {}) => ({
      ...head(),
      officer: idOf(keys.officer),
      type: 'release' as const,
      hold,
      ...change,
    }),
    snapshot: (change: object = {}) => ({
      ...head(),
      officer: idOf(keys.officer),
      type: 'snapshot' as const,
      camera: 'cam-1',
      purpose: 'maintenance' as const,
      attending: 'ef'.repeat(32),
      ...change,
    }),
  } satisfies Record<string, unknown> & { extract(change?: object): CommandPayload };
}
export type SignedWorld = ReturnType<typeof signedWorld>;

/** RFC 9562 version 7. */
export function uuidV7(utcMs: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(utcMs, 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
