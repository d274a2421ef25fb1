import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { metricsText } from '#agent/view/metrics.ts';
import { suite } from '../support/suite.ts';

const test = suite('dashboard and alert rules');
const deploy = join(import.meta.dirname, '..', '..', 'deploy');
/** Every name there is: the help of a metric is printed whether it has a value or not. */
const known = new Set([...(await metricsText([])).matchAll(/^# HELP (\S+)/gm)].map((match) => match[1]));

/** Every text below `value`. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(texts) : [];
}

const files: readonly [string, (text: string) => unknown][] = [
  ['grafana/peio.json', JSON.parse],
  ['prometheus/peio.rules.yml', parse],
  ['prometheus/peio.rules.test.yml', parse],
];
for (const [what, read] of files)
  test(`${what} asks for metrics that there are`, () => {
    const asked = new Set(
      texts(read(readFileSync(join(deploy, what), 'utf8'))).flatMap(
        (text) => text.match(/\bpeio_\w+/g) ?? [],
      ),
    );
    assert.ok(asked.size > 3);
    assert.equal(
      [...asked].filter((name) => !known.has(name)),
      [],
    );
  });

test('every panel has a place of its own and its own number', () => {
  const { panels } = JSON.parse(readFileSync(join(deploy, 'grafana/peio.json'), 'utf8')) as {
    panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[];
  };
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)}.${y + Math.floor(i / w)}`),
  );
  assert.is(new Set(cells).size, cells.length);
  assert.is(new Set(panels.map(({ id }) => id)).size, panels.length);
});
