import type { Files } from '#agent/platform/files.ts';
import { type LedgerReading, ledgerOffset, readLedger } from './ledger.ts';
import type { LedgerLine } from './ledger-line.ts';
import type { Listing } from './recover.ts';

/** A day more than the oldest file is read from the ledger: lines are appended when closed, not in order of start. */
const dayMs = 86_400_000;

/**
 * Reads a camera's ledger from where it may name files that are there. `heard` is told each line, and whether its file
 * is there; `fromTheBeginning` says that all are told again, since files were missing. Gives the sealed names without a
 * line, with their day. Apart from the store, whose closures would keep what they see: a week of names is 1 MB a camera.
 */
export async function recall(
  files: Files,
  ledgerPath: string,
  listing: Listing,
  { heard, fromTheBeginning }: { heard(line: LedgerLine, there: boolean): void; fromTheBeginning(): void },
): Promise<{ missing: Map<string, string>; reading: LedgerReading }> {
  const missing = new Map(listing.sealed);
  const take = (line: LedgerLine): void => {
    const there = line.kind === 'segment' && listing.sealed.has(line.file);
    if (there) missing.delete(line.file);
    heard(line, there);
  };
  let oldest = Number.POSITIVE_INFINITY;
  for (const day of listing.days) oldest = Math.min(oldest, Date.parse(day));
  const offset = await ledgerOffset(files, ledgerPath, oldest - dayMs);
  const reading = await readLedger(files, ledgerPath, take, offset);
  if (missing.size === 0 || offset === 0) return { missing, reading };
  fromTheBeginning();
  return { missing, reading: await readLedger(files, ledgerPath, take) };
}
