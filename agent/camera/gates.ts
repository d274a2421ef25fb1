import type { Clock, MonotonicMs } from '#agent/platform/clock.ts';

/** Lets the sessions with one address begin a few at a time. */
export interface Gates {
  /** Resolves when it is this one's turn, with what to call when it plays or failed; at once when `signal` aborts. */
  enter(address: string, signal: AbortSignal): Promise<() => void>;
}

/** Recorders with sixteen channels answer slowly, or refuse, when all are asked for at once. */
const maxAtOnce = 4;
/** Between one beginning and the next: sixteen channels are on their way within two seconds. */
const apartMs = 100;

interface Gate {
  inside: number;
  lastAt: MonotonicMs;
  waiting: (() => void)[];
  timer: { cancel(): void } | undefined;
}

export function openGates(clock: Clock): Gates {
  const gates = new Map<string, Gate>();
  const admit = (address: string, gate: Gate): void => {
    gate.timer?.cancel();
    gate.timer = undefined;
    if (gate.waiting.length === 0) {
      if (gate.inside === 0) gates.delete(address);
      return;
    }
    if (gate.inside >= maxAtOnce) return;
    const pauseMs = gate.lastAt + apartMs - clock.monotonic();
    if (pauseMs > 0) {
      gate.timer = clock.after(pauseMs, () => admit(address, gate));
      return;
    }
    gate.inside += 1;
    gate.lastAt = clock.monotonic();
    gate.waiting.shift()?.();
    admit(address, gate);
  };
  return {
    async enter(address, signal) {
      let gate = gates.get(address);
      if (!gate) {
        gate = { inside: 0, lastAt: Number.NEGATIVE_INFINITY as MonotonicMs, waiting: [], timer: undefined };
        gates.set(address, gate);
      }
      const own = gate;
      const turn = Promise.withResolvers<void>();
      let admitted = false;
      const come = (): void => {
        admitted = true;
        turn.resolve();
      };
      const give = (): void => {
        own.waiting = own.waiting.filter((other) => other !== come);
        turn.resolve();
      };
      own.waiting.push(come);
      if (signal.aborted) give();
      signal.addEventListener('abort', give, { once: true });
      admit(address, own);
      await turn.promise;
      signal.removeEventListener('abort', give);
      let left = !admitted;
      return () => {
        if (left) return;
        left = true;
        own.inside -= 1;
        admit(address, own);
      };
    },
  };
}
