import type { Tally } from './suite.ts';

const marks = { passed: '●', failed: '▲ FAILED', skipped: '○ skipped' } as const;

/** `art-9-1-c-no-whole-films` → [9, 1, c]: files of articles sort as the regulation does. */
function placeOf(file: string): (string | number)[] {
  const parts = /art-([0-9a-z-]+?)\.test\.ts$/.exec(file)?.[1]?.split('-') ?? [];
  return parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

function before(one: (string | number)[], other: (string | number)[]): number {
  for (const [index, part] of one.entries()) {
    const against = other[index];
    if (against === undefined) return 1;
    if (part === against) continue;
    if (typeof part === 'number' && typeof against === 'number') return part - against;
    return String(part) < String(against) ? -1 : 1;
  }
  return -1;
}

/** Article → test → result, of the files in test/law that ran; nothing when none did. A file that broke has no tests. */
export function lawTable(
  ran: readonly { file: string; outcome: Pick<Tally, 'tests'> & { problem?: string } }[],
): string {
  if (ran.length === 0) return '';
  const lines = ['', 'What the regulation asks, and what was tried:'];
  for (const { file, outcome } of [...ran].sort((a, b) => before(placeOf(a.file), placeOf(b.file)))) {
    const [first] = outcome.tests;
    lines.push(`  ${first?.suite ?? file}`);
    if (outcome.problem !== undefined) lines.push(`    ${marks.failed} ${outcome.problem}`);
    for (const { title, result } of outcome.tests) lines.push(`    ${marks[result]} ${title}`);
  }
  return `${lines.join('\n')}\n\n`;
}
