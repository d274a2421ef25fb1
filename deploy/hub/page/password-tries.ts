import type { Clock } from '#agent/platform/clock.ts';
import type { Log } from '#agent/platform/log.ts';
import { openAttempts } from './attempts.ts';
import type { Login, Logins } from './logins.ts';

/** Password tries by name and by address; a person mistypes three times, a program thousands. */
const byName = { burst: 5, everyMs: 30_000 };
const byAddress = { burst: 20, everyMs: 5000 };
/** Each takes 128 MiB and half a second of a processor. */
const mostChecks = 2;

/** What came of a try: who it is, how long to wait before the next, or that name or password is wrong. */
export type Tried = { login: Login } | { waitMs: number } | 'wrong';

export interface PasswordTries {
  check(name: string, password: string, address: string): Promise<Tried>;
}

/** Counts tries to log in, also those that are refused without a look. */
export function openPasswordTries(parts: {
  logins: Pick<Logins, 'check'>;
  clock: Pick<Clock, 'monotonic'>;
  log: Log;
}): PasswordTries {
  const { logins, clock, log } = parts;
  const attempts = { name: openAttempts(clock, byName), address: openAttempts(clock, byAddress) };
  let checking = 0;
  return {
    async check(name, password, address) {
      const waitMs = Math.max(attempts.address.waitMs(address), attempts.name.waitMs(name));
      if (waitMs > 0 || checking >= mostChecks) {
        log.warn({ name, address }, 'too many tries to log in');
        return { waitMs };
      }
      checking += 1;
      let login: Login | undefined;
      try {
        login = await logins.check(name, password);
      } finally {
        checking -= 1;
      }
      if (login === undefined) {
        log.warn({ name, address }, 'a login was refused');
        return 'wrong';
      }
      attempts.name.forget(name);
      return { login };
    },
  };
}
