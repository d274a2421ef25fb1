import { randomUUID } from 'node:crypto';
import { type Clock, pause, type Timer } from '#agent/platform/clock.ts';
import type { Log } from '#agent/platform/log.ts';
import type { Random } from '#agent/platform/random.ts';
import { Failure } from '#protocol/failure.ts';
import { idOf } from './alarm.ts';
import type { AlarmStore, Delivery } from './alarm-store.ts';
import type { Notice } from './life.ts';

/** What some of those who were to be told refuse for good; nothing where everybody took it. */
export type Taken = { refused: string } | undefined;

/** One way by which people or machines are told. */
export interface Way {
  name: string;
  /** Notices in one piece. */
  most: number;
  /**
   * Resolves when the other end has taken it. The same `id` means the same piece again: the power went between its
   * being taken and its being noted. Says who will never take it, where others did. Throws `transient` failures.
   */
  send(piece: { id: string; notices: readonly Notice[] }, signal: AbortSignal): Promise<Taken>;
}

export interface Outbox {
  /** There is something new. */
  wake(): void;
  close(): Promise<void>;
}

const firstRetryMs = 5000;
const lastRetryMs = 10 * 60_000;
/** A server that restarts is no news. */
const patienceMs = 2 * 60_000;
/** One try; a mail server that greylists answers at once. */
const tryLimitMs = 60_000;
/** Looked at in one go; more at once says nothing more to a person. */
const mostWaiting = 500;

/**
 * Takes what waits in the store to where it goes, each way by itself, for ever. What could not be delivered is tried
 * again with backoff; `failing` is told when that has gone on for two minutes, and when it is over.
 */
export function openOutbox(parts: {
  store: AlarmStore;
  ways: readonly Way[];
  clock: Clock;
  random: Random;
  log: Log;
  now(): number;
  failing(way: string, why: string | undefined): Promise<void>;
  broken(error: unknown): void;
}): Outbox {
  const { store, clock, random, log } = parts;
  const ending = new AbortController();
  const { signal } = ending;
  const wakers = new Map<string, () => void>();

  /** Until somebody wakes this way, or `ms` later. */
  const rest = (way: string, ms: number): Promise<void> =>
    new Promise((resolve) => {
      let timer: Timer | undefined;
      const end = (): void => {
        timer?.cancel();
        wakers.delete(way);
        signal.removeEventListener('abort', end);
        resolve();
      };
      wakers.set(way, end);
      signal.addEventListener('abort', end, { once: true });
      if (Number.isFinite(ms)) timer = clock.after(Math.max(1, Math.min(ms, 86_400_000)), end);
      if (signal.aborted) end();
    });

  async function carry(way: Way): Promise<void> {
    let failingSince: number | undefined;
    let toldFailing = false;
    // What an earlier life said of this way is judged anew by its next try.
    while (!signal.aborted) {
      const now = parts.now();
      const waiting = store.waiting(way.name, mostWaiting, now);
      const over = bothOver(waiting.filter(({ due }) => due <= now));
      if (over.length > 0) {
        store.delivered(over, way.name, 'skipped');
        continue;
      }
      const piece = nextPiece(waiting, way, now);
      if (piece.length === 0) {
        const next = Math.min(Number.POSITIVE_INFINITY, ...waiting.map(({ due }) => due));
        await rest(way.name, next - now);
        continue;
      }
      const seqs = piece.map(({ seq }) => seq);
      const id = piece[0]?.batch ?? randomUUID();
      if (piece[0]?.batch === undefined) store.batch(seqs, way.name, id);
      try {
        const taken = await limited(
          (limit) => way.send({ id, notices: piece.map(({ notice }) => notice) }, limit),
          clock,
          signal,
        );
        if (signal.aborted) return; // Taken or not: tried again under the same id.
        store.delivered(seqs, way.name, 'sent');
        failingSince = undefined;
        toldFailing = false;
        await parts.failing(way.name, taken?.refused);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Failure)) throw error;
        const tries = piece[0]?.tries ?? 0;
        const wait = Math.min(lastRetryMs, firstRetryMs * 2 ** Math.min(tries, 10));
        store.retry(seqs, way.name, parts.now() + wait / 2 + (random.fraction() * wait) / 2);
        log.warn({ way: way.name, code: error.code, why: error.message, tries: tries + 1 }, 'not delivered');
        failingSince ??= clock.monotonic();
        if (!toldFailing && clock.monotonic() - failingSince >= patienceMs) {
          toldFailing = true;
          await parts.failing(way.name, error.message);
        }
      }
    }
  }
  const carrying = Promise.all(
    parts.ways.map((way) =>
      carry(way).catch((error: unknown) => {
        if (!signal.aborted) parts.broken(error);
      }),
    ),
  );
  return {
    wake() {
      for (const waker of [...wakers.values()]) waker();
    },
    async close() {
      ending.abort();
      await carrying;
    },
  };
}

/** The oldest that is due, with what goes in one piece with it: what was tried together, or the next ones. */
function nextPiece(waiting: readonly Delivery[], way: Way, now: number): Delivery[] {
  const first = waiting.find(({ due }) => due <= now);
  if (first === undefined) return [];
  if (first.batch !== undefined) return waiting.filter(({ batch }) => batch === first.batch);
  return waiting.filter(({ due, batch }) => due <= now && batch === undefined).slice(0, way.most);
}

/** Raised and over while people slept, neither of them tried: nobody is told of it. */
function bothOver(due: readonly Delivery[]): number[] {
  const slept = due.filter(
    ({ notice, due: at, tries, batch }) => tries === 0 && batch === undefined && at > notice.at,
  );
  return slept
    .filter(({ notice }) => notice.kind === 'cleared')
    .flatMap((cleared) => {
      const same = slept.filter(
        ({ notice }) =>
          idOf(notice.alarm) === idOf(cleared.notice.alarm) &&
          notice.alarm.raisedAt === cleared.notice.alarm.raisedAt,
      );
      return same.some(({ notice }) => notice.kind === 'raised') ? same.map(({ seq }) => seq) : [];
    });
}

async function limited<T>(
  work: (signal: AbortSignal) => Promise<T>,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
  const limit = new AbortController();
  const stop = (): void => limit.abort();
  signal.addEventListener('abort', stop, { once: true });
  const patience = pause(clock, tryLimitMs, limit.signal).then(() => {
    if (limit.signal.aborted) return new Promise<never>(() => {});
    throw new Failure('transient', 'delivery-stalled', `no answer within ${tryLimitMs / 1000} s`);
  });
  try {
    return await Promise.race([work(limit.signal), patience]);
  } finally {
    limit.abort();
    signal.removeEventListener('abort', stop);
    patience.catch(() => {}); // Lost the race.
  }
}
