import { type AlarmFile, type AlarmStore, copyAlarms, openAlarmStore } from './alarm-store.ts';

/**
 * Alarms that outlast their disk: what it refuses, and everything after that, is kept in memory, so that the alarm about
 * the disk is raised, told and sent like any other. Closing puts it back where there is room again; where there is none,
 * or a kill comes first, what was said meanwhile is said again by the next life. `refused` hears what was thrown and says
 * whether it was the disk. Throws as `openAlarmStore` does.
 */
export function openEnduringStore(path: string, refused: (error: unknown) => boolean): AlarmStore {
  const file = openAlarmStore(path);
  let memory: AlarmFile | undefined;
  const now = (): AlarmFile => memory ?? file;
  /** Nothing of what was refused was kept: it is done again, whole. */
  const write = <T>(work: (store: AlarmStore) => T): T => {
    try {
      return work(now());
    } catch (error) {
      if (memory !== undefined || !refused(error)) throw error;
      memory = openAlarmStore(':memory:', file.database);
      return work(memory);
    }
  };
  write((store) => store.tidy());
  return {
    book: () => now().book(),
    waiting: (...asked) => now().waiting(...asked),
    parted: (id) => now().parted(id),
    notices: (since) => now().notices(since),
    summaryEnded: (day) => now().summaryEnded(day),
    tidy: () => write((store) => store.tidy()),
    keep: (change) => write((store) => store.keep(change)),
    batch: (...told) => write((store) => store.batch(...told)),
    delivered: (...told) => write((store) => store.delivered(...told)),
    retry: (...told) => write((store) => store.retry(...told)),
    part: (...told) => write((store) => store.part(...told)),
    beginSummary: (...told) => write((store) => store.beginSummary(...told)),
    endSummary: (day) => write((store) => store.endSummary(day)),
    close() {
      try {
        if (memory) copyAlarms(memory.database, file.database);
      } catch (error) {
        if (!refused(error)) throw error;
      } finally {
        memory?.close();
        file.close();
      }
    },
  };
}
