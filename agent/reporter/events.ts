import { sentenceOf } from '#protocol/failure.ts';
import { topics } from '#protocol/topics.ts';
import type { Bus } from '../mqtt/bus.ts';
import type { Log } from '../platform/log.ts';

/** The log as the publisher sees it. */
export interface EventSource {
  /** Lines on disk and synced. */
  size(): number;
  /** What the hub has cosigned: it holds these lines for good. */
  cosigned(): number;
  /** At most `count` lines from `fromSeq`, as their bytes without newline. */
  read(fromSeq: number, count: number): Promise<{ seq: number; text: string }[]>;
}

/** Unacknowledged messages under way: enough for 80 ms of round trip, too few to drown a weak link. */
const window = 20;

/**
 * Sends audit lines to `event`, in order, from the first the hub has not cosigned. The log on disk is the queue:
 * nothing waits in memory, and a cut connection begins again from the cursor. Repetitions are the hub's to drop.
 */
export function openEvents(options: { node: string; bus: Bus; source: EventSource; log: Log }): {
  /** The log has grown. */
  grown(): void;
  /** The hub does not cosign what was sent: something on the way lost a line, so all since its last word is sent again. */
  again(): void;
  /** The hub holds `size` lines and no more, whatever it cosigned: all behind them is sent again until it cosigns more. */
  from(size: number): void;
  /** What the log holds now has been sent, or cannot be: for an end that would rather say it than leave it for later. */
  settled(): Promise<void>;
} {
  const { bus, source } = options;
  let sent = 0;
  let connection = 0;
  let pumping = false;
  /** Where a hub that was restored goes on, and what it had cosigned when it said so. */
  let restored: { size: number; cosigned: number } | undefined;
  const cursor = (): number => {
    if (restored && source.cosigned() > restored.cosigned) restored = undefined;
    return restored?.size ?? source.cosigned();
  };

  /** Sends until the log's end or the connection's. */
  async function pump(): Promise<void> {
    if (pumping) return;
    pumping = true;
    try {
      while (bus.connected() && sent < source.size()) {
        const now = connection;
        const lines = await source.read(sent + 1, window);
        if (now !== connection) continue;
        if (lines.length === 0) break;
        sent = lines[lines.length - 1]?.seq ?? sent;
        try {
          await Promise.all(
            lines.map(({ text }) =>
              bus.publish({ topic: topics.event(options.node), payload: text, retain: false }),
            ),
          );
        } catch (error) {
          options.log.debug({ why: sentenceOf(error) }, 'events interrupted');
          if (now === connection) break; // The next connection starts over from the cursor.
        }
      }
    } finally {
      pumping = false;
    }
  }
  let running = Promise.resolve();
  const start = (): void => {
    if (pumping) return;
    running = pump().catch((error: unknown) =>
      options.log.error({ err: error }, 'the log cannot be read for publishing'),
    );
  };
  bus.onConnect(() => {
    connection += 1;
    sent = cursor();
    start();
  });
  return {
    grown: start,
    settled: () => running,
    again() {
      sent = cursor();
      start();
    },
    from(size) {
      restored = { size, cosigned: source.cosigned() };
      sent = size;
      start();
    },
  };
}
