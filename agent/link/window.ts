import type { Answer } from './sample.ts';

/** What the newest probes say together. Milliseconds. */
export interface Summary {
  probes: number;
  lost: number;
  lossPercent: number;
  /** Median there and back. */
  delayMs?: number;
  /** Mean difference between one answer and the next (RFC 3393), there and back and each way. */
  jitterMs?: number;
  jitterForthMs?: number;
  jitterBackMs?: number;
  /** Medians each way; absent unless both clocks follow UTC. */
  forthMs?: number;
  backMs?: number;
}

export interface Window {
  add(sample: Answer | undefined): void;
  clear(): void;
  summary(): Summary;
}

/** Further apart than this from one probe to the next, a clock was corrected: says nothing of the link. */
const stepMs = 1000;

/** The newest `size` probes; `undefined` is one that was lost. */
export function openWindow(size: number): Window {
  let probes: (Answer | undefined)[] = [];
  const differences = (of: (answer: Answer) => number | undefined): number | undefined => {
    const found: number[] = [];
    for (let i = 1; i < probes.length; i++) {
      const before = probes[i - 1] && of(probes[i - 1]!);
      const after = probes[i] && of(probes[i]!);
      if (before === undefined || after === undefined || Math.abs(after - before) > stepMs) continue;
      found.push(Math.abs(after - before));
    }
    return found.length === 0 ? undefined : found.reduce((sum, one) => sum + one, 0) / found.length;
  };
  return {
    add(sample) {
      probes.push(sample);
      if (probes.length > size) probes.shift();
    },
    clear() {
      probes = [];
    },
    summary() {
      const answers = probes.filter((probe) => probe !== undefined);
      const lost = probes.length - answers.length;
      const followed = answers.filter(({ synchronised }) => synchronised);
      return defined({
        probes: probes.length,
        lost,
        lossPercent: probes.length === 0 ? 0 : (100 * lost) / probes.length,
        delayMs: median(answers.map(({ roundTripMs }) => roundTripMs)),
        jitterMs: differences(({ roundTripMs }) => roundTripMs),
        jitterForthMs: differences(({ forthMs }) => forthMs),
        jitterBackMs: differences(({ backMs }) => backMs),
        forthMs: median(followed.flatMap(({ forthMs }) => forthMs ?? [])),
        backMs: median(followed.flatMap(({ backMs }) => backMs ?? [])),
      });
    },
  };
}

function median(values: number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]
    : sorted.length === 0
      ? undefined
      : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Without the properties that are undefined. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
