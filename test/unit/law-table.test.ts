import * as assert from 'uvu/assert';
import { lawTable } from '../support/law-table.ts';
import { suite } from '../support/suite.ts';

const test = suite('the table of articles');

const ran = (file: string, article: string, result: 'passed' | 'failed') => ({
  file: `test/law/${file}.test.ts`,
  outcome: { tests: [{ suite: article, title: `of ${file}`, result }] },
});

test('articles stand in the order of the regulation, each test with its result', () => {
  const table = lawTable([
    ran('art-10-lists', 'Art. 10', 'passed'),
    ran('art-9-1-g-deleted', 'Art. 9 c. 1 g', 'failed'),
    ran('art-9-1-c-masks', 'Art. 9 c. 1 c', 'passed'),
    { file: 'test/law/art-2-1-b-audio.test.ts', outcome: { tests: [], problem: 'ended without a result' } },
  ]);
  const lines = table.split('\n').map((line) => line.trim());
  const at = (text: string) => lines.indexOf(text);
  assert.ok(at('▲ FAILED ended without a result') < at('Art. 9 c. 1 c'));
  assert.ok(at('Art. 9 c. 1 c') < at('Art. 9 c. 1 g') && at('Art. 9 c. 1 g') < at('Art. 10'));
  assert.ok(at('▲ FAILED of art-9-1-g-deleted') > at('Art. 9 c. 1 g'));
  assert.ok(at('● of art-10-lists') > at('Art. 10'));
  assert.is(lawTable([]), '');
});
