import { join } from 'node:path';
import type { Files } from '#agent/platform/files.ts';
import { parseSegmentName, segmentDay } from '#protocol/segment-name.ts';
import { instantText } from '#protocol/time.ts';
import { readLedger } from './ledger.ts';
import type { LedgerLine, SegmentRow } from './ledger-line.ts';
import { isSealedName, listCamera } from './recover.ts';
import { type Finding, ifReadable, inspect } from './verify-file.ts';

/** A box and the machine that checks its disk may disagree by this much. */
const skewMs = 5 * 60_000;

function dayOf(file: string): string {
  return segmentDay(parseSegmentName(file)?.start ?? 0);
}

/**
 * One camera's folder against its ledger. Of a store that is recorded to: what is sealed, begun or swept while it is
 * looked at is no fault.
 */
export async function verifyCamera(
  files: Files,
  camera: { folder: string; sweptBefore: number },
  { full, now }: { full: boolean; now: number },
): Promise<{ segments: number; bytes: number; findings: Finding[] }> {
  const { folder } = camera;
  const findings: Finding[] = [];
  const tell = (path: string, code: string, severity: Finding['severity'], detail: string): void => {
    findings.push({ path, code, severity, detail });
  };
  const ledgerPath = join(folder, 'ledger.jsonl');
  const listing = await ifReadable(folder, findings, () => listCamera(files, folder));
  if (listing === undefined) return { segments: 0, bytes: 0, findings };
  for (const name of listing.foreign)
    tell(join(folder, name), 'foreign-name', 'problem', 'no name of this store');

  const rows = new Map<string, SegmentRow>();
  let newestStart = Number.NEGATIVE_INFINITY;
  const takeLine = (line: LedgerLine): void => {
    if (line.kind !== 'segment') return;
    const { kind: _, ...row } = line;
    newestStart = Math.max(newestStart, row.start);
    const before = rows.get(row.file);
    if (before !== undefined && before.sha256 !== row.sha256)
      tell(ledgerPath, 'ledger-contradicts', 'problem', `two hashes for ${row.file}`);
    if (listing.sealed.has(row.file) || row.start >= camera.sweptBefore) rows.set(row.file, row);
  };
  const reading = await ifReadable(ledgerPath, findings, () => readLedger(files, ledgerPath, takeLine));
  if (reading === undefined) return { segments: listing.sealed.size, bytes: 0, findings };
  for (const offset of reading.malformed)
    tell(ledgerPath, 'ledger-malformed', 'problem', `the line at byte ${offset} is none`);
  if (reading.torn) tell(ledgerPath, 'ledger-torn', 'recoverable', 'the last line is incomplete');

  let bytes = 0;
  for (const [name, day] of listing.sealed) {
    const path = join(folder, day, name);
    const row = rows.get(name);
    if (row === undefined && !isSealedName(name)) {
      tell(path, 'foreign-name', 'problem', 'no name of this store');
      continue;
    }
    const found = await ifReadable(path, findings, () => inspect(files, path, full && row !== undefined));
    if (found === undefined) continue;
    bytes += found.bytes;
    if (found.finding !== undefined) findings.push(found.finding);
    if (row === undefined) {
      // A crash between rename and line leaves the newest; one among listed ones was put there.
      const start = Number.isFinite(newestStart) ? instantText(newestStart) : 'none';
      const newer = (parseSegmentName(name)?.start ?? 0) >= newestStart;
      tell(
        path,
        'segment-unlisted',
        newer ? 'recoverable' : 'problem',
        `no line for it (newest line: ${start})`,
      );
    } else if (found.bytes !== row.bytes)
      tell(path, 'segment-size', 'problem', `${found.bytes} bytes, its line says ${row.bytes}`);
    else if (full && found.sha256 !== row.sha256)
      tell(path, 'segment-hash', 'problem', 'is not what was sealed');
  }
  for (const { day, name } of listing.parts) {
    const path = join(folder, day, name);
    const found = await ifReadable(path, findings, () => inspect(files, path, false));
    if (found === undefined) continue;
    if (found.finding?.code === 'plaintext') findings.push(found.finding);
    // A power cut leaves zeros, or whatever lay there, where bytes were not synced yet: the next start lets it go.
    else
      tell(path, 'segment-open', 'recoverable', found.finding ? 'holds nothing whole' : 'was being written');
  }
  for (const row of rows.values()) {
    const path = join(folder, dayOf(row.file), row.file);
    if (!listing.sealed.has(row.file) && (await files.size(path)) === undefined)
      tell(path, 'segment-missing', 'problem', 'listed, not swept, and not there');
  }
  const future = [...rows.values()].filter((row) => row.start > now + skewMs).length;
  if (future > 0) tell(ledgerPath, 'label-in-future', 'notice', `${future} segments start after now`);
  overlaps([...rows.values()], ledgerPath, tell);
  return { segments: listing.sealed.size, bytes, findings };
}

/** Within a run nothing overlaps; between runs it may, where the clock was stepped back. */
function overlaps(
  rows: SegmentRow[],
  path: string,
  tell: (path: string, code: string, severity: Finding['severity'], detail: string) => void,
): void {
  rows.sort((a, b) => a.start - b.start);
  let last: SegmentRow | undefined;
  for (const row of rows) {
    if (last !== undefined && row.start < last.end) {
      const same = row.run === last.run && row.clock === last.clock;
      tell(path, 'segment-overlap', same ? 'problem' : 'notice', `${last.file} and ${row.file}`);
    }
    if (last === undefined || row.end > last.end) last = row;
  }
}
