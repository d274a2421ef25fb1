export interface History {
  /** One sample of every figure; a figure that is not among them has none at this moment. */
  add(sample: ReadonlyMap<string, number>): void;
  /** Oldest first. */
  curve(figure: string): readonly (number | undefined)[];
}

/** Every half minute for two hours: as many points as a small curve has pixels. */
export const sampleMs = 30_000;
const most = 240;

/** Keeps the last two hours of every figure in memory: for whoever looks, and for nobody after a restart. */
export function emptyHistory(): History {
  let samples: ReadonlyMap<string, number>[] = [];
  return {
    add(sample) {
      samples = [...samples, sample].slice(-most);
    },
    curve: (figure) => samples.map((sample) => sample.get(figure)),
  };
}
