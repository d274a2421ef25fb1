import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { type Files, readIfThere, writeDurably } from '#agent/platform/files.ts';
import { parseJson } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';

/** What a login may see. What a person may sign stands in the policy; a login signs nothing. */
export const loginRoles = ['maintainer', 'operator', 'officer'] as const;
export type LoginRole = (typeof loginRoles)[number];

export interface Login {
  name: string;
  role: LoginRole;
  /** A screen on a wall: sees what the maintainer sees, changes nothing, and stays logged in for long. */
  display?: true;
  /** Another one each time the login is put: whoever logged in before has to do so again. */
  made: string;
}

/**
 * 2^17, 8, 1: 128 MiB and some 0.4 s a try (OWASP, password storage). Kept with each hash, so that it can be raised.
 */
const usualCost = { N: 2 ** 17, r: 8, p: 1 };
const keyBytes = 32;
/** NIST SP 800-63B §3.1.1.2: length is what counts. */
export const leastPassword = 12;
const mostPassword = 200;
const maxFileBytes = 256 * 1024;

const loginName = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?$/,
    'is no name of a login: lower-case letters, digits, . _ -',
  );
const kept = z.array(
  z.object({
    name: loginName,
    role: z.enum(loginRoles),
    display: z.literal(true).optional(),
    scrypt: z.object({
      N: z
        .int()
        .min(2)
        .max(2 ** 20),
      r: z.int().min(1).max(32),
      p: z.int().min(1).max(16),
      salt: z.base64().min(16),
      hash: z.base64().min(16),
    }),
  }),
);
type Kept = z.output<typeof kept>;

function loginOf({ name, role, display, scrypt: { salt } }: Kept[number]): Login {
  const made = createHash('sha256').update(salt).digest('hex').slice(0, 32);
  return { name, role, ...(display && { display }), made };
}

async function read(files: Files, path: string): Promise<Kept> {
  const bytes = await readIfThere(files, path, maxFileBytes);
  const parsed = kept.safeParse(bytes === undefined ? [] : parseJson(bytes));
  if (parsed.success) return parsed.data;
  throw new Failure(
    'corrupt',
    'logins-broken',
    `${path} is damaged: restore it, or remove it and add logins anew`,
  );
}

function derive(password: string, salt: Buffer, { N, r, p }: typeof usualCost): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // One password, however it is typed.
    scrypt(password.normalize('NFKC'), salt, keyBytes, { N, r, p, maxmem: 256 * N * r }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

/** Who may look at the town hall's page: `data/logins.json`. Read at every question, so that a change counts at once. */
export interface Logins {
  all(): Promise<Login[]>;
  /** Undefined for a wrong name or password; takes as long for either. */
  check(name: string, password: string): Promise<Login | undefined>;
  /** Replaces a login of that name. Throws `usage` for a name, password or display that cannot be. */
  put(login: Omit<Login, 'made'>, password: string): Promise<void>;
  /** Throws `unknown-login`. */
  remove(name: string): Promise<void>;
}

export function openLogins(files: Files, path: string, cost = usualCost): Logins {
  const nobody = { ...cost, salt: randomBytes(16).toString('base64'), hash: '' };
  const write = (all: Kept): Promise<void> => writeDurably(files, path, `${JSON.stringify(all, null, 2)}\n`);
  return {
    all: async () => (await read(files, path)).map(loginOf),
    async check(name, password) {
      const found = (await read(files, path)).find((one) => one.name === name);
      const { salt, hash, ...parameters } = found?.scrypt ?? nobody;
      const made = await derive(password.slice(0, mostPassword), Buffer.from(salt, 'base64'), parameters);
      const wanted = Buffer.from(hash, 'base64');
      if (found === undefined || wanted.length !== made.length || !timingSafeEqual(wanted, made))
        return undefined;
      return loginOf(found);
    },
    async put({ name, role, display }, password) {
      const named = loginName.safeParse(name);
      if (!named.success) throw new Failure('usage', 'usage', `"${name}" ${named.error.issues[0]?.message}`);
      if (password.length < leastPassword || password.length > mostPassword)
        throw new Failure(
          'usage',
          'short-password',
          `a password has ${leastPassword} to ${mostPassword} characters`,
        );
      if (display && role !== 'maintainer')
        throw new Failure('usage', 'usage', 'a display has the role maintainer: whoever passes by reads it');
      const salt = randomBytes(16);
      const hash = await derive(password, salt, cost);
      const entry = { ...cost, salt: salt.toString('base64'), hash: hash.toString('base64') };
      const others = (await read(files, path)).filter((one) => one.name !== name);
      await write([...others, { name, role, ...(display && { display }), scrypt: entry }]);
    },
    async remove(name) {
      const all = await read(files, path);
      const left = all.filter((one) => one.name !== name);
      if (left.length === all.length)
        throw new Failure('denied', 'unknown-login', `there is no login "${name}": see "hub login list"`);
      await write(left);
    },
  };
}
