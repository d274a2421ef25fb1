import { type Cosigned, verifyCosigned } from '#protocol/checkpoint.ts';
import { Failure, sentenceOf } from '#protocol/failure.ts';
import type { PublicKey } from '#protocol/key.ts';
import { topics } from '#protocol/topics.ts';
import type { Bus } from '../mqtt/bus.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

/** How often the head is shown when nothing asks for it: the hub misses it after 15 minutes. */
const everyMs = 5 * 60_000;
/** Several lines that follow one another are shown as one head. */
const gatherMs = 200;
/** A head that the hub has not answered is shown again: its message or the answer was lost with a connection. */
const repeatMs = 15_000;
/** Months of a log go over a weak link once, not for ever. */
const behindMs = 10 * 60_000;

export interface Heads {
  /** Shows the head soon: a command was answered, or somebody waits for a cosignature. */
  show(): void;
  close(): Promise<void>;
}

/** Publishes the log's head and takes the hub's cosignatures. A bad cosignature is logged and changes nothing. */
export function openHeads(options: {
  node: string;
  nodeKey: PublicKey;
  bus: Bus;
  clock: Clock;
  log: Log;
  hubKey(): PublicKey;
  /** The signed head of what is synced, and its size; undefined while the log is empty. */
  checkpoint(): Promise<{ note: string; size: number } | undefined>;
  /** The last head shown has had no answer for as long as a repetition waits. */
  unanswered(): void;
  /**
   * The hub says again that it holds no more than these lines, fewer than it once cosigned: it was restored from a
   * backup, and waits for the lines behind them. Called while a head has no answer, at most every ten minutes.
   */
  fellBehind(size: number): void;
  /** Lines that a cosignature has covered so far. */
  cosignedSize(): number;
  /** Durable before it resolves. */
  cosigned(cosigned: Cosigned): Promise<void>;
}): Heads {
  const { node, bus, clock, log } = options;
  let timer: Timer | undefined;
  let dueAt = Number.POSITIVE_INFINITY;
  let closed = false;
  /** Somebody asked for the head to be shown, or nobody has answered the last. */
  let wanted = true;
  let unanswered = 0;
  /** When the hub made the last cosignature that was news, by its own clock. */
  let newsAt = 0;
  let working = Promise.resolve();

  /** Wakes after `ms`, or earlier where that was asked for already. */
  const wake = (ms: number): void => {
    const due = clock.monotonic() + ms;
    if (closed || due >= dueAt) return;
    timer?.cancel();
    dueAt = due;
    timer = clock.after(ms, () => {
      dueAt = Number.POSITIVE_INFINITY;
      working = working.then(publish);
    });
  };
  async function publish(): Promise<void> {
    if (!wanted && unanswered > 0 && bus.connected()) options.unanswered();
    const due = wanted || unanswered > 0 || clock.monotonic() >= shownAt + everyMs;
    try {
      const head = due && bus.connected() ? await options.checkpoint() : undefined;
      if (head) {
        wanted = false;
        unanswered = head.size;
        shownAt = clock.monotonic();
        await bus.publish({ topic: topics.checkpoint(node), payload: head.note, retain: false });
      }
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'offline') log.error({ err: error }, 'no checkpoint');
    }
    wake(repeatMs);
  }
  let shownAt = clock.monotonic() - everyMs;
  let behindAt = clock.monotonic() - behindMs;

  bus.subscribe(topics.cosignature(node), async ({ payload }) => {
    let cosigned: Cosigned;
    try {
      cosigned = verifyCosigned(node, payload.toString('utf8'), options.nodeKey, options.hubKey());
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      log.warn({ code: error.code, why: sentenceOf(error) }, 'cosignature refused');
      return;
    }
    // A broker can repeat what the hub once said. That is no sign of life, and no word about its register, its policy or
    // the time. A hub whose clock was put back is news by the lines it covers.
    const { size } = cosigned.head;
    const covered = options.cosignedSize();
    if (size < covered && unanswered > 0 && clock.monotonic() >= behindAt + behindMs) {
      // A repetition by the broker looks the same, and costs no more than these lines sent once more.
      behindAt = clock.monotonic();
      options.fellBehind(size);
    }
    if (size < covered || (size === covered && cosigned.at <= newsAt)) return;
    newsAt = cosigned.at;
    try {
      await options.cosigned(cosigned);
    } catch (error) {
      // An answer to a log that is no longer here, or a disk that does not take it: the next one comes.
      if (!(error instanceof Failure)) throw error;
      log.error({ code: error.code, why: sentenceOf(error) }, 'a cosignature was not taken');
      return;
    }
    if (size >= unanswered) unanswered = 0;
  });
  bus.onConnect(() => {
    wanted = true;
    wake(gatherMs);
  });
  return {
    show() {
      wanted = true;
      wake(gatherMs);
    },
    async close() {
      closed = true;
      timer?.cancel();
      await working;
    },
  };
}
