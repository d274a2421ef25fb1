import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** The root of a package as it is laid out before it is packed: modes and times are ours, not the umask's. */
export interface Tree {
  path: string;
  write(at: string, content: string | Uint8Array, mode?: number): void;
  copy(from: string, at: string, mode?: number): void;
  /** Gives every entry the same time; nothing may be added after. */
  seal(epoch: number): void;
  /** Of every file, relative, sorted; without DEBIAN/. */
  files(): string[];
  bytes(): number;
  md5sums(): string;
}

export function openTree(path: string): Tree {
  const place = (at: string): string => {
    const full = join(path, at);
    mkdirSync(dirname(full), { recursive: true });
    return full;
  };
  const walk = () => readdirSync(path, { recursive: true, withFileTypes: true });
  const files = (): string[] =>
    walk()
      .filter((entry) => entry.isFile())
      .map((entry) => relative(path, join(entry.parentPath, entry.name)))
      .filter((file) => !file.startsWith('DEBIAN/'))
      .sort();
  return {
    path,
    write(at, content, mode = 0o644) {
      writeFileSync(place(at), content);
      chmodSync(join(path, at), mode);
    },
    copy(from, at, mode = 0o644) {
      copyFileSync(from, place(at));
      chmodSync(join(path, at), mode);
    },
    seal(epoch) {
      for (const entry of walk()) {
        const full = join(entry.parentPath, entry.name);
        if (entry.isDirectory()) chmodSync(full, 0o755);
        lutimesSync(full, epoch, epoch);
      }
      chmodSync(path, 0o755);
      lutimesSync(path, epoch, epoch);
    },
    files,
    bytes: () => files().reduce((sum, file) => sum + statSync(join(path, file)).size, 0),
    md5sums: () =>
      files()
        .map(
          (file) =>
            `${createHash('md5')
              .update(readFileSync(join(path, file)))
              .digest('hex')}  ${file}\n`,
        )
        .join(''),
  };
}
