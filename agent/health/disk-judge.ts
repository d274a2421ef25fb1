import type { HealthPayload } from '#protocol/messages.ts';
import type { Watch } from '../alert/open-conditions.ts';
import type { SmartReading } from './smart.ts';

export interface DiskJudge {
  /** Errors of the store's file system; undefined where nobody can tell. */
  fileSystem(errors: number | undefined): void;
  /** Of each disk below the store. */
  smart(readings: readonly (SmartReading | undefined)[]): void;
  reading(): NonNullable<HealthPayload['host']['disk']>;
}

/** A few reallocated sectors are ordinary in an old disk; more are the beginning of its end. */
const manySectors = 10;
const wornPercent = 90;

/** Judges `disk-dying`: by the worst of the disks, and by their file system. */
export function diskJudge(watch: Watch<'disk-dying'>): DiskJudge {
  let errors: number | undefined;
  /** Readings in a row that told of errors. */
  let erring = 0;
  let disks: readonly (SmartReading | undefined)[] = [];
  /** What each disk said when it last said anything: one that dies may stop answering. */
  let remembered: readonly (SmartReading | undefined)[] = [];

  const judge = (): HealthPayload['host']['disk'] => {
    const figures = figuresOf(disks);
    const failing = () => ({ state: 'failing' as const, ...figures });
    const amiss = amissOf(disks);
    // The kernel may make it read-only in the same breath: that is `disk-error`, which explains this, and gets a
    // reading's time to be told.
    if (amiss?.reason !== 'failing' && erring > 1 && errors !== undefined) {
      watch.failing('file-system', { errors });
      return failing();
    }
    if (amiss !== undefined) {
      watch.failing(amiss.reason, amiss.values);
      return failing();
    }
    // A disk that says it is well, or a file system that counts no error: one of them has to be known.
    const known = errors !== undefined || disks.some((disk) => disk !== undefined);
    if (known && amissOf(remembered) === undefined) {
      watch.ok();
      return { state: 'ok', ...figures };
    }
    watch.unknown();
    return { state: 'unknown', ...figures };
  };
  let found: HealthPayload['host']['disk'] = { state: 'unknown' };
  return {
    fileSystem(now) {
      errors = now;
      erring = now !== undefined && now > 0 ? erring + 1 : 0;
      found = judge();
    },
    smart(readings) {
      disks = readings;
      if (readings.length > 0) remembered = readings.map((reading, index) => reading ?? remembered[index]);
      found = judge();
    },
    reading: () => found ?? { state: 'unknown' },
  };
}

type Disks = readonly (SmartReading | undefined)[];

function figuresOf(disks: Disks): { badSectors?: number; usedPercent?: number } {
  const worst = (of: (disk: SmartReading) => number | undefined): number | undefined => {
    const found = disks.flatMap((disk) => (disk && of(disk)) ?? []);
    return found.length === 0 ? undefined : Math.max(...found);
  };
  const badSectors = worst((disk) => disk.badSectors);
  const usedPercent = worst((disk) => disk.usedPercent);
  return {
    ...(badSectors === undefined ? {} : { badSectors }),
    ...(usedPercent === undefined ? {} : { usedPercent }),
  };
}

/** The worst that disks say of themselves. */
function amissOf(disks: Disks) {
  const { badSectors = 0, usedPercent = 0 } = figuresOf(disks);
  if (disks.some((disk) => disk?.passed === false)) return { reason: 'failing', values: {} } as const;
  if (badSectors >= manySectors) return { reason: 'sectors', values: { sectors: badSectors } } as const;
  if (usedPercent >= wornPercent) return { reason: 'worn', values: { percent: usedPercent } } as const;
  return undefined;
}
