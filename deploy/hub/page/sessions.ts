import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';
import type { Login } from './logins.ts';

/** Somebody who logged in, on one browser. */
export interface Session extends Login {
  /** Stands in every form of this session; another site cannot know it. */
  csrf: string;
  /** Aborts when the session ends. */
  ended: AbortSignal;
}

/** A working day; then the password again. */
const longestMs = 12 * 3_600_000;
/** Without a question for this long, the browser is taken for abandoned; a page that is only open asks none. */
const idleMs = 2 * 3_600_000;
/** Far more browsers than a town hall has. */
const mostSessions = 500;

interface Held {
  session: Session;
  end: AbortController;
  began: MonotonicMs;
  used: MonotonicMs;
}

/** Sessions live in memory: a restart of the hub ends them all. What is kept of a token is its hash. */
export interface Sessions {
  /** The token for the cookie. */
  begin(login: Login): string;
  find(token: string | undefined): Session | undefined;
  end(token: string): void;
  /** Ends the sessions of logins that are gone or have another role, and those that are over. */
  keep(logins: readonly Login[]): void;
}

export function openSessions(clock: Pick<Clock, 'monotonic'>): Sessions {
  const held = new Map<string, Held>();
  const digest = (token: string): string => createHash('sha256').update(token).digest('hex');
  const drop = (key: string): void => {
    held.get(key)?.end.abort();
    held.delete(key);
  };
  const isOver = ({ began, used }: Held): boolean => {
    const now = clock.monotonic();
    return now - began > longestMs || now - used > idleMs;
  };
  return {
    begin(login) {
      const oldest = [...held].sort(([, a], [, b]) => a.used - b.used)[0];
      if (held.size >= mostSessions && oldest) drop(oldest[0]);
      const token = randomBytes(32).toString('base64url');
      const end = new AbortController();
      const now = clock.monotonic();
      const session = { ...login, csrf: randomBytes(32).toString('base64url'), ended: end.signal };
      held.set(digest(token), { session, end, began: now, used: now });
      return token;
    },
    find(token) {
      if (token === undefined) return undefined;
      const key = digest(token);
      const found = held.get(key);
      if (found === undefined) return undefined;
      if (isOver(found)) {
        drop(key);
        return undefined;
      }
      found.used = clock.monotonic();
      return found.session;
    },
    end: (token) => drop(digest(token)),
    keep(logins) {
      for (const [key, one] of held) {
        const { name, role } = one.session;
        if (isOver(one) || !logins.some((login) => login.name === name && login.role === role)) drop(key);
      }
    },
  };
}

/** Whether a form came from a page of this session. */
export function sameToken(session: Session, given: string | null): boolean {
  const [wanted, got] = [Buffer.from(session.csrf), Buffer.from(given ?? '')];
  return wanted.length === got.length && timingSafeEqual(wanted, got);
}
