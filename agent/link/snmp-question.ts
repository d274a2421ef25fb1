import { z } from 'zod';

/** What is asked of the child that speaks SNMP. Holds secrets: travels by pipe only. */
export const snmpQuestion = z.strictObject({
  host: z.string(),
  port: z.int(),
  ipv6: z.boolean(),
  timeoutMs: z.number(),
  oids: z.array(z.string()).max(32),
  access: z.discriminatedUnion('version', [
    z.strictObject({ version: z.literal('2c'), community: z.string() }),
    z.strictObject({
      version: z.literal('3'),
      user: z.string(),
      authPassword: z.string(),
      auth: z.enum(['sha', 'sha256']),
      privPassword: z.string().optional(),
    }),
  ]),
});
export type SnmpQuestion = z.output<typeof snmpQuestion>;
export type SnmpAccess = SnmpQuestion['access'];

export const snmpAnswer = z.union([
  z.strictObject({ tookMs: z.number(), values: z.array(z.number().nullable()).max(32) }),
  z.strictObject({ error: z.enum(['no-answer', 'unresolved', 'auth', 'broken']) }),
]);
export type SnmpAnswer = z.output<typeof snmpAnswer>;

/**
 * The secret of a link, one line: `community` or `community:` for version 2c; for version 3 `user:password` (signed) or
 * `user:password:password` (signed and encrypted with AES-128). Undefined for anything else.
 */
export function parseSnmpSecret(text: string, auth: 'sha' | 'sha256'): SnmpAccess | undefined {
  const [first, authPassword, privPassword, ...more] = text.split(':');
  if (!first || more.length > 0 || text.includes('\n')) return undefined;
  if (!authPassword && privPassword === undefined) return { version: '2c', community: first };
  // RFC 3414 §11.2: shorter passwords are refused by agents, and by the library with a crash.
  if (!authPassword || authPassword.length < 8 || (privPassword !== undefined && privPassword.length < 8))
    return undefined;
  return {
    version: '3',
    user: first,
    auth,
    authPassword,
    ...(privPassword === undefined ? {} : { privPassword }),
  };
}
