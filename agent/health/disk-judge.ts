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

  const worst = (of: (disk: SmartReading) => number | undefined): number | undefined => {
    const found = disks.flatMap((disk) => (disk && of(disk)) ?? []);
    return found.length === 0 ? undefined : Math.max(...found);
  };
  const judge = (): HealthPayload['host']['disk'] => {
    const badSectors = worst((disk) => disk.badSectors);
    const usedPercent = worst((disk) => disk.usedPercent);
    const figures = {
      ...(badSectors === undefined ? {} : { badSectors }),
      ...(usedPercent === undefined ? {} : { usedPercent }),
    };
    const failing = () => ({ state: 'failing' as const, ...figures });
    if (disks.some((disk) => disk?.passed === false)) {
      watch.failing('failing');
      return failing();
    }
    // The kernel may make it read-only in the same breath: that is `disk-error`, which explains this, and gets a
    // reading's time to be told.
    if (erring > 1 && errors !== undefined) {
      watch.failing('file-system', { errors });
      return failing();
    }
    if (badSectors !== undefined && badSectors >= manySectors) {
      watch.failing('sectors', { sectors: badSectors });
      return failing();
    }
    if (usedPercent !== undefined && usedPercent >= wornPercent) {
      watch.failing('worn', { percent: usedPercent });
      return failing();
    }
    // A disk that says it is well, or a file system that counts no error: one of them has to be known.
    const known = errors !== undefined || disks.some((disk) => disk !== undefined);
    if (known) watch.ok();
    else watch.unknown();
    return { state: known ? 'ok' : 'unknown', ...figures };
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
      found = judge();
    },
    reading: () => found ?? { state: 'unknown' },
  };
}
