import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { causeWords } from '#agent/view/causes.ts';
import type { Minutes } from '../../deploy/hub/minutes/minutes.ts';
import { minutesPdf } from '../../deploy/hub/minutes/pdf.ts';
import { findProgram } from '../support/real-parts.ts';
import { sampleHash, sampleMinutes } from '../support/sample-minutes.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('pages of minutes', { timeoutMs: 240_000 });

async function shownBy(
  program: 'pdftotext' | 'pdffonts',
  args: string[] = [],
  minutes: Minutes = sampleMinutes,
): Promise<string> {
  using folder = temporaryFolder();
  const file = join(folder.path, 'verbale.pdf');
  writeFileSync(file, await minutesPdf(minutes, 'Europe/Rome'));
  const { stdout, status } = spawnSync(program, [...args, file, ...(program === 'pdftotext' ? ['-'] : [])], {
    encoding: 'utf8',
  });
  assert.is(status, 0);
  return stdout;
}

/** Everything as long as it may be, and on more lines than a page has. */
function longest(): Minutes {
  const name = 'WWWWMMMM '.repeat(11).trim();
  const hole = (index: number): number => sampleMinutes.from + index * 60_000;
  return {
    ...sampleMinutes,
    place: { ...sampleMinutes.place, nodeName: name, cameraName: name },
    record: {
      ...sampleMinutes.record,
      protocol: 'W'.repeat(64),
      authority: 'WM '.repeat(66).trim(),
      persons: Array.from({ length: 20 }, () => ({ name, qualification: name })),
      reason: `first words\n${'riga\n'.repeat(390)}last words`,
    },
    opening: {
      ...sampleMinutes.opening,
      by: 'w'.repeat(100),
      present: Array.from({ length: 20 }, () => `${name} ${name}`),
    },
    gaps: Array.from({ length: 60 }, (_, index) => ({
      start: hole(index),
      end: hole(index) + 30_000,
      reason: 'power-lost' as const,
    })),
    files: Array.from({ length: 60 }, (_, index) => ({
      ...(sampleMinutes.files[0] as Minutes['files'][number]),
      name: `20260715T1000${String(index).padStart(2, '0')}000Z-30000.torn.mp4.age`,
      start: hole(index) + 30_000,
      end: hole(index) + 60_000,
    })),
    signatures: [
      { what: 'operator', name, keyid: sampleHash },
      { what: 'officer', name, keyid: sampleHash },
    ],
  };
}

interface Line {
  page: number;
  top: number;
  bottom: number;
  left: number;
  right: number;
  words: string;
}

/** Each line of text with its place, in points. */
async function linesOf(minutes: Minutes): Promise<{ pages: number; lines: Line[] }> {
  const xml = await shownBy('pdftotext', ['-bbox-layout'], minutes);
  const lines: Line[] = [];
  const pages = xml.split('<page ').slice(1);
  for (const [page, text] of pages.entries())
    for (const [, left, top, right, bottom, inside] of text.matchAll(
      /<line xMin="([^"]+)" yMin="([^"]+)" xMax="([^"]+)" yMax="([^"]+)">([\s\S]*?)<\/line>/g,
    ))
      lines.push({
        page,
        ...{ left: Number(left), top: Number(top), right: Number(right), bottom: Number(bottom) },
        words: [...(inside ?? '').matchAll(/>([^<\n]+)<\/word>/g)].map(([, word]) => word).join(' '),
      });
  return { pages: pages.length, lines };
}

if (!findProgram('pdftotext')) test.skip('what is written, and its fonts', 'poppler-utils is missing');
else {
  test('a clerk can read request, law, both times, clock, gap with its cause, hashes and signers', async () => {
    const text = (await shownBy('pdftotext')).replaceAll(/\s+/g, ' ');
    for (const words of [
      'n. 77/2026 del 16/07/2026',
      'Avv. Carla Neri',
      'art. 8, comma 1, lettera b',
      'art. 391-quater c.p.p.',
      'Parcheggio SP87 nord, Cogolo Park-47',
      'dalle 12:00:00 CEST alle 13:00:00 CEST',
      '2026-07-15 10:00:00.000 UTC – 2026-07-15 11:00:00.000 UTC',
      'NON sincronizzato',
      'indietro di 12,3 ms rispetto all’ora esatta',
      'dalle 12:25:00 CEST alle 12:33:00 CEST (8 min)',
      causeWords('power-lost', 'it'),
      'Luca Verdi',
      'Bruno Responsabile',
      sampleHash,
      'hub verify',
      'pagina 1 di ',
    ])
      assert.ok(text.includes(words), words);
  });

  test('names, reasons and lists of any length stay on the pages, and none over another', async () => {
    const { pages, lines } = await linesOf(longest());
    const said = lines.map(({ words }) => words).join(' ');
    for (const words of ['first words', 'last words', `pagina ${pages} di ${pages}`])
      assert.ok(said.includes(words), words);
    assert.is(lines.filter(({ words }) => /^riga$/.test(words)).length, 390);
    for (let page = 0; page < pages; page++) {
      const mine = lines.filter((line) => line.page === page);
      const feet = mine.filter(({ words }) => /^(?:Verbale n\.|pagina )/.test(words) && words.length < 90);
      assert.is(
        feet.length >= 1 && mine.length > feet.length,
        true,
        `page ${page + 1} has a foot and something more`,
      );
      const foot = Math.min(...feet.map(({ top }) => top));
      const text = mine.filter((line) => !feet.includes(line));
      for (const line of text) {
        assert.ok(line.bottom <= foot + 1, `page ${page + 1}, above its foot: ${line.words}`);
        assert.ok(line.right <= 595.28 - 40, `page ${page + 1}, within its margin: ${line.words}`);
        const over = text.find(
          (other) =>
            other !== line &&
            Math.min(line.right, other.right) - Math.max(line.left, other.left) > 1 &&
            Math.min(line.bottom, other.bottom) - Math.max(line.top, other.top) > 4,
        );
        assert.is(over, undefined, `page ${page + 1}: "${line.words}" over "${over?.words}"`);
      }
    }
  });

  test('every font is inside', async () => {
    const fonts = (await shownBy('pdffonts')).trim().split('\n').slice(2);
    assert.is(fonts.length, 3);
    for (const font of fonts) assert.match(font, /CID TrueType\s+Identity-H\s+yes yes yes/);
  });
}
