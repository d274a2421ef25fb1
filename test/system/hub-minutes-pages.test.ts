import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { causeWords } from '#agent/view/causes.ts';
import { minutesPdf } from '../../deploy/hub/minutes/pdf.ts';
import { findProgram } from '../support/real-parts.ts';
import { sampleMinutes as minutes, sampleHash } from '../support/sample-minutes.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('pages of minutes', { timeoutMs: 240_000 });

async function shownBy(program: 'pdftotext' | 'pdffonts', ...args: string[]): Promise<string> {
  using folder = temporaryFolder();
  const file = join(folder.path, 'verbale.pdf');
  writeFileSync(file, await minutesPdf(minutes, 'Europe/Rome'));
  const { stdout, status } = spawnSync(program, [file, ...args], { encoding: 'utf8' });
  assert.is(status, 0);
  return stdout;
}

if (!findProgram('pdftotext')) test.skip('what is written, and its fonts', 'poppler-utils is missing');
else {
  test('a clerk can read request, law, both times, clock, gap with its cause, hashes and signers', async () => {
    const text = (await shownBy('pdftotext', '-')).replaceAll(/\s+/g, ' ');
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

  test('every font is inside', async () => {
    const fonts = (await shownBy('pdffonts')).trim().split('\n').slice(2);
    assert.is(fonts.length, 3);
    for (const font of fonts) assert.match(font, /CID TrueType\s+Identity-H\s+yes yes yes/);
  });
}
