import type { ExtractCommand } from '#protocol/command.ts';
import { Failure } from '#protocol/failure.ts';
import type { Manifest } from '#protocol/manifest.ts';
import type { Policy } from '#protocol/policy.ts';
import type { Purpose } from '#protocol/purpose.ts';
import type { SnapshotCommand } from './case.ts';
import type { Case, Cases } from './cases.ts';

/** Who may see the footage of a case, and for what. */

/** An extraction whose footage is here. */
export type FilmCase = Case<ExtractCommand> & { manifest: Manifest; request: string };

/** Throws `not-complete`, `not-a-film`. */
export function deliveredCase(cases: Cases, id: string): FilmCase {
  const { command, request, ...one } = delivered(cases, id);
  if (command.type !== 'extract' || request === undefined)
    throw new Failure('denied', 'not-a-film', `case ${id} is a picture for maintenance, not a film`);
  return { ...one, command, request };
}

/** A picture for maintenance that is here. */
export type PictureCase = Case<SnapshotCommand> & { manifest: Manifest };

/** Throws `not-complete`, `not-a-picture`. */
export function deliveredPicture(cases: Cases, id: string): PictureCase {
  const { command, ...one } = delivered(cases, id);
  if (command.type !== 'snapshot')
    throw new Failure('denied', 'not-a-picture', `case ${id} is no picture for maintenance`);
  return { ...one, command };
}

function delivered(cases: Cases, id: string): Case & { manifest: Manifest } {
  const one = cases.get(id);
  const { manifest } = one;
  if (one.state !== 'complete' || manifest === undefined)
    throw new Failure('denied', 'not-complete', `the footage of case ${id} is not here: it is ${one.state}`);
  return { ...one, manifest };
}

/** The role of the identity that opens, as the policy has it. Throws `unknown-identity`. */
export function openerRole(
  policy: Policy,
  { command }: Case,
  recipient: string,
  utcMs: number,
): 'officer' | 'escrow' {
  const found = policy.recipients.find(
    (one) => one.recipient === recipient && (one.nodes?.includes(command.node) ?? true) && one.from <= utcMs,
  );
  if (found) return found.role;
  throw new Failure(
    'denied',
    'unknown-identity',
    `this identity is no recipient for ${command.node} in the policy`,
  );
}

/** Whole films go to nobody for these; single frames with the others obscured do (Art. 9 c. 1 c). */
const maskedOnly: readonly Purpose[] = ['records-access', 'data-subject'];

/** Segments as recorded go to police and defence alone. */
const originalsFor: readonly Purpose[] = ['judicial-police', 'defence', 'public-safety'];

/** Throws `masks-required`, `original-not-allowed`. */
export function requireFit(
  purpose: Purpose,
  { masked, original }: { masked: boolean; original: boolean },
): void {
  if (maskedOnly.includes(purpose) && !masked)
    throw new Failure(
      'denied',
      'masks-required',
      `for ${purpose} no plain film may be shown or given out: only pictures in which others are obscured, with --masks FILE, or --draw to draw them (Art. 9 c. 1 c)`,
    );
  if (original && !originalsFor.includes(purpose))
    throw new Failure(
      'denied',
      'original-not-allowed',
      `for ${purpose} no recording leaves as it was made: only for ${originalsFor.join(', ')}`,
    );
}

/** What a package for {@link maskedOnly} may hold: pictures of these names are masked, everything else is none. */
const maskedPackage =
  /^(?:oscurato[A-Za-z0-9-]*\.(?:mp4|png|jpg)|masks\.json|LEGGIMI\.txt|verbale\.(?:pdf|json)|viewing\.json|proof\.json|(?:manifest|command|policy(?:-\d{10})?)\.dsse\.json)$/;

/** Throws what {@link requireFit} throws for what a package of these files is. */
export function requirePackage(purpose: Purpose, files: readonly string[]): void {
  requireFit(purpose, {
    masked: files.includes('masks.json') && files.every((name) => maskedPackage.test(name)),
    original: files.some((name) => name.startsWith('original/')),
  });
}
