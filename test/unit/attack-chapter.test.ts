import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';

const test = suite('what the protocol says an attacker can and cannot do');
const root = join(import.meta.dirname, '..', '..');
const readMe = readFileSync(join(root, 'protocol', 'README.md'), 'utf8');
const chapter = readMe.slice(readMe.indexOf('## What an attacker can and cannot do'));

const tests = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.ts'))
  .map((path) => `test/${path}`);

test('every test that it names is there', () => {
  const named = [...chapter.matchAll(/`([\w/.-]+\.test\.ts)`/g)].map(([, path]) => path as string);
  assert.ok(named.length > 15, `${named.length} named`);
  const gone = named.filter((name) => !tests.some((path) => path === name || basename(path) === name));
  assert.equal(gone, []);
});

test('every refusal that it names has a vector', () => {
  const vectors = JSON.parse(readFileSync(join(root, 'protocol', 'vectors', 'commands.json'), 'utf8'));
  const codes = new Set((vectors.cases as { code?: string }[]).map(({ code }) => code));
  const named = [...chapter.matchAll(/vectors((?:\s|,|and|`[a-z-]+`)+)/g)]
    .flatMap(([, list]) => [...(list as string).matchAll(/`([a-z-]+)`/g)])
    .map(([, code]) => code as string);
  assert.ok(named.length >= 4, named.join());
  assert.equal(
    named.filter((code) => !codes.has(code)),
    [],
  );
});

test('each line of it names a test, or a limit', () => {
  // A line is a bullet with what is indented below it.
  const lines = chapter.split(/\n(?=- |\*\*)/).filter((line) => line.startsWith('- '));
  assert.ok(lines.length > 15, `${lines.length} lines`);
  const bare = lines.filter((line) => !/\.test\.ts`|vectors|limit/.test(line));
  assert.equal(bare, []);
});
