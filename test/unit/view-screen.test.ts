import * as assert from 'uvu/assert';
import { screenText } from '#agent/view/screen.ts';
import { suite } from '../support/suite.ts';

const test = suite('a look in a terminal, over and over');

/** What a terminal of this size shows after `text`, and whether something scrolled away. */
function shownIn(
  columns: number,
  rows: number,
  text: string,
  before: string[] = [],
): { rows: string[]; scrolled: number } {
  const grid = Array.from({ length: rows }, (_, i) => [...(before[i] ?? '').padEnd(columns)]);
  let [x, y, scrolled] = [0, 0, 0];
  const down = (): void => {
    if (y < rows - 1) y += 1;
    else {
      grid.shift();
      grid.push(Array(columns).fill(' '));
      scrolled += 1;
    }
  };
  for (const piece of text.match(/\u001b\[[\d;]*[A-Za-z]|[\s\S]/gu) ?? []) {
    if (piece === '\u001b[H') [x, y] = [0, 0];
    else if (piece === '\u001b[K') grid[y]?.fill(' ', Math.min(x, columns - 1));
    else if (piece === '\u001b[J') {
      grid[y]?.fill(' ', Math.min(x, columns - 1));
      for (const row of grid.slice(y + 1)) row.fill(' ');
    } else if (piece === '\n') {
      x = 0;
      down();
    } else if (!piece.startsWith('\u001b')) {
      if (x === columns) {
        x = 0;
        down();
      }
      (grid[y] as string[])[x] = piece;
      x += 1;
    }
  }
  return { rows: grid.map((row) => row.join('').trimEnd()), scrolled };
}

test('the first line stays, however much there is to say and however narrow the terminal', () => {
  const lines = [
    'San Rocco guasto da 12 min: 7 siti coinvolti.',
    '',
    ...Array.from({ length: 60 }, (_, i) => `riga ${i}`),
  ];
  for (const columns of [20, 40, 45, 80, 200])
    for (const rows of [5, 10, 24, 62, 63, 64, 100]) {
      const { rows: shown, scrolled } = shownIn(columns, rows, screenText(lines, { columns, rows }));
      assert.is(scrolled, 0, `${columns}×${rows}`);
      const plain = (text: string): string => text.replaceAll(' ', '');
      assert.ok(plain(shown.join('')).startsWith(plain(lines[0] as string)), `${columns}×${rows}`);
      const last = shown.filter((row) => row !== '').at(-1);
      const told = /^… \+(\d+)$/.exec(last ?? '');
      if (told === null) assert.is(last, 'riga 59');
      else {
        const named = shown.filter((row) => row.startsWith('riga')).length;
        // The empty second line is one of those left out where not even the next has room.
        const blank = named > 0 || Number(told[1]) === 60 ? 0 : 1;
        assert.is(Number(told[1]) + named, 60 + blank, `${columns}×${rows}`);
      }
    }
});

test('what was there before is gone, and a line as wide as the terminal keeps its last letter', () => {
  const old = Array.from({ length: 8 }, () => 'x'.repeat(10));
  const { rows } = shownIn(
    10,
    8,
    screenText(['0123456789', 'ab', '\u001b[1m█\u001b[0m'], { columns: 10, rows: 8 }),
    old,
  );
  assert.equal(rows, ['0123456789', 'ab', '█', '', '', '', '', '']);
});
