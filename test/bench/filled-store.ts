import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ledgerText } from '#agent/store/ledger-line.ts';
import { segmentDay, segmentName } from '#protocol/segment-name.ts';

const segmentMs = 60_000;
/** A minute of 4 Mbit/s; the files are sparse. */
const bytes = 30_000_000;

/**
 * A store as it is after a week: `segments` sealed segments of a minute, spread over `cameras`, the newest ending at
 * `until`, each with its file and its line in the ledger. The files have the size of footage and no contents.
 */
export function fillStore(dir: string, cameras: readonly string[], segments: number, until: number): void {
  const each = Math.ceil(segments / cameras.length);
  for (const camera of cameras) {
    const folder = join(dir, 'segments', camera);
    const run = until - each * segmentMs;
    const lines: string[] = [];
    let day = '';
    for (let start = run; start < until; start += segmentMs) {
      const file = segmentName({ state: 'sealed', start, durationMs: segmentMs, torn: false });
      if (day !== segmentDay(start)) {
        day = segmentDay(start);
        mkdirSync(join(folder, day), { recursive: true, mode: 0o700 });
      }
      const handle = openSync(join(folder, day, file), 'wx', 0o600);
      ftruncateSync(handle, bytes);
      closeSync(handle);
      lines.push(
        ledgerText({
          kind: 'segment',
          start,
          end: start + segmentMs,
          durationMs: segmentMs,
          file,
          bytes,
          sha256: start.toString(16).padStart(64, '0'),
          clock: 'synced',
          run,
          torn: false,
        }),
      );
    }
    writeFileSync(join(folder, 'ledger.jsonl'), lines.join(''), { mode: 0o600 });
  }
}
