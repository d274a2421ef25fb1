import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** What of a folder is no part of the program. */
const left = /(?:^|\/)(?:README\.md|vectors\/.*)$/;

export interface Sources {
  /** From the root of the checkout, sorted. */
  files: string[];
  /** npm packages that they import by name, sorted. */
  packages: string[];
  /** Files of packages that are read, not run (`import.meta.resolve`), as `package/path`, sorted. */
  assets: string[];
}

/**
 * The files of `folders`, every room of ours that a file of them reaches (a room is a folder two deep), and the
 * packages that all of these import.
 */
export function sourcesOf(root: string, folders: readonly string[]): Sources {
  const files = new Set<string>();
  const packages = new Set<string>();
  const assets = new Set<string>();
  const pending = [...folders];
  const seen = new Set<string>();
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    if (seen.has(folder)) continue;
    seen.add(folder);
    for (const file of below(root, folder)) {
      files.add(file);
      if (!file.endsWith('.ts')) continue;
      const text = readFileSync(join(root, file), 'utf8');
      for (const [, asset] of text.matchAll(/\bimport\.meta\.resolve\(\s*['"]([^'".#][^'"]*)['"]\s*\)/g))
        assets.add(asset as string);
      for (const name of importsOf(text)) {
        const ours = name.startsWith('.')
          ? join(dirname(file), name)
          : name.startsWith('#')
            ? name.slice(1)
            : undefined;
        if (ours !== undefined) {
          const room = dirname(ours).split('/').slice(0, 2).join('/');
          if (![...seen].some((known) => room === known || room.startsWith(`${known}/`))) pending.push(room);
        } else if (!name.startsWith('node:')) packages.add(packageOf(name));
      }
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort(), assets: [...assets].sort() };
}

function below(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !left.test(file));
}

/** Statically named imports, `import()` included; of types alone they need nobody at run time. */
function importsOf(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '');
  const found = code.matchAll(
    /^(?:import|export)\s(?!type\s)[^'"`;]*?from\s+['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm,
  );
  return [...found].map((match) => (match[1] ?? match[2] ?? match[3]) as string);
}

export function packageOf(name: string): string {
  const parts = name.split('/');
  return parts.slice(0, name.startsWith('@') ? 2 : 1).join('/');
}
