import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';
import type { Display } from './displays.ts';
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
/** A screen on a wall, whether anybody touches it or not; a season, then the password again. */
export const displayMs = 90 * 86_400_000;
/** Far more browsers than a town hall has. */
const mostSessions = 500;

interface Held {
  session: Session;
  end: AbortController;
  began: MonotonicMs;
  used: MonotonicMs;
  /** Of a display, UTC milliseconds: it may outlive this run of the hub. */
  until: number | undefined;
}

/**
 * Sessions live in memory: a restart of the hub ends them all, but those of displays, which {@link Sessions.displays}
 * tells and {@link Sessions.restore} takes. What is kept of a token is its hash.
 */
export interface Sessions {
  /** The token for the cookie. */
  begin(login: Login): string;
  find(token: string | undefined): Session | undefined;
  end(token: string): void;
  /** Ends the sessions of logins that are gone or were put anew, and those that are over. */
  keep(logins: readonly Login[]): void;
  displays(): Display[];
  /** Of displays that logged in before this run; those whose login is not as it was are left out. */
  restore(displays: readonly Display[], logins: readonly Login[]): void;
}

export function openSessions(clock: Pick<Clock, 'monotonic' | 'utc'>): Sessions {
  const held = new Map<string, Held>();
  const digest = (token: string): string => createHash('sha256').update(token).digest('hex');
  const drop = (key: string): void => {
    held.get(key)?.end.abort();
    held.delete(key);
  };
  const isOver = ({ began, used, until }: Held): boolean => {
    const now = clock.monotonic();
    // Both clocks: one that was set back does not prolong it.
    if (until !== undefined) return now - began > displayMs || clock.utc() > until;
    return now - began > longestMs || now - used > idleMs;
  };
  const hold = (key: string, login: Login, until: number | undefined): void => {
    const end = new AbortController();
    const now = clock.monotonic();
    const session = { ...login, csrf: randomBytes(32).toString('base64url'), ended: end.signal };
    held.set(key, { session, end, began: now, used: now, until });
  };
  return {
    begin(login) {
      const oldest = [...held].sort(([, a], [, b]) => a.used - b.used)[0];
      if (held.size >= mostSessions && oldest) drop(oldest[0]);
      const token = randomBytes(32).toString('base64url');
      hold(digest(token), login, login.display && clock.utc() + displayMs);
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
        const { name, made } = one.session;
        if (isOver(one) || !logins.some((login) => login.name === name && login.made === made)) drop(key);
      }
    },
    displays: () =>
      [...held].flatMap(([token, { session, until }]) =>
        until === undefined ? [] : [{ token, name: session.name, made: session.made, until }],
      ),
    restore(displays, logins) {
      for (const { token, name, made, until } of displays) {
        const login = logins.find((one) => one.name === name && one.made === made);
        // No longer than a display that logs in now: the clock may have been wrong then.
        if (login?.display && !held.has(token)) hold(token, login, Math.min(until, clock.utc() + displayMs));
      }
    },
  };
}

/** Whether a form came from a page of this session. */
export function sameToken(session: Session, given: string | null): boolean {
  const [wanted, got] = [Buffer.from(session.csrf), Buffer.from(given ?? '')];
  return wanted.length === got.length && timingSafeEqual(wanted, got);
}
