import { isMap, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { codeOf, sentenceOf } from '#protocol/failure.ts';
import type { Files } from '../platform/files.ts';
import type { Config } from './config.ts';
import { openNamed, type Surroundings } from './named.ts';
import { ConfigFailure, type Problem, pathText, problemsOf } from './problems.ts';
import { readNamed } from './read-named.ts';
import { resolveConfig } from './resolve.ts';
import { configSchema } from './schema.ts';

const maxConfigBytes = 1024 * 1024;

/** Reads `file` and all it names. Throws a {@link ConfigFailure} that lists every problem at once. */
export async function loadConfig(file: string, around: Surroundings): Promise<Config> {
  const text = await readText(file, around.files);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (document.errors.length > 0)
    throw new ConfigFailure(
      file,
      document.errors.map((error) => ({
        path: 'YAML',
        message: sentenceOf(error),
        line: lines.linePos(error.pos[0]).line,
      })),
    );
  const lineOf = (path: readonly PropertyKey[]): number | undefined => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true) as
        | { range?: [number, number, number] }
        | undefined;
      if (node?.range) return lines.linePos(node.range[0]).line;
    }
    return undefined;
  };
  const located = (path: readonly PropertyKey[], message: string): Problem => {
    const line = lineOf(path);
    return { path: pathText(path) || 'file', message, ...(line === undefined ? {} : { line }) };
  };
  let raw: unknown;
  try {
    raw = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new ConfigFailure(file, [{ path: 'YAML', message: sentenceOf(error) }]);
  }
  const parsed = configSchema.safeParse(raw ?? {}, { reportInput: true });
  const schemaProblems = parsed.success
    ? []
    : problemsOf(parsed.error, knownKeys).map(({ path, message }) => located(path, message));
  // What the file names is read even when its shape is wrong elsewhere, so that one run shows everything.
  const named = openNamed(file, around, located);
  let config: Config | undefined;
  if (parsed.success) config = await resolveConfig(parsed.data, named, around.env);
  else if (isMap(document.contents)) await readNamed(raw as Record<string, unknown>, named);
  const told = new Set(schemaProblems.map(({ path }) => path));
  const problems = [...schemaProblems, ...named.problems.filter(({ path }) => !told.has(path))];
  if (problems.length > 0 || config === undefined) throw new ConfigFailure(file, problems);
  return config;
}

async function readText(file: string, files: Files): Promise<string> {
  try {
    return (await files.read(file, maxConfigBytes)).toString('utf8');
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'there is no such file' : `cannot be read (${codeOf(error)})`;
    throw new ConfigFailure(file, [{ path: 'file', message: why }]);
  }
}

/** The keys an object at `path` may have, for suggestions. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let schema: unknown = configSchema;
  const unwrap = (inner: unknown): unknown => {
    let current = inner;
    while (current instanceof z.ZodDefault || current instanceof z.ZodOptional) current = current.unwrap();
    return current;
  };
  for (const part of path) {
    schema = unwrap(schema);
    if (schema instanceof z.ZodObject) schema = schema.shape[part as string];
    else if (schema instanceof z.ZodArray) schema = schema.element;
  }
  schema = unwrap(schema);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}
