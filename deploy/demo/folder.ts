import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { codeOf, Failure } from '#protocol/failure.ts';

/** Marks the folder as ours: the demo never writes into a folder that holds something else. */
const marker = 'demo.txt';
const markerText =
  'Made by the demo of the Peio edge agent. Every key in it is in the clear: delete it at will.\n';

/** What a socket's address holds: unix(7). */
const maxSocketBytes = 107;

/**
 * Throws `usage`: `not-empty` for a folder that holds something else, `folder` for one that cannot be written or is too
 * deep for the socket of its hub.
 */
export function prepareFolder(dir: string, fresh: boolean): void {
  const tooLong = Buffer.byteLength(join(dir, 'hub', 'hub.sock')) - maxSocketBytes;
  if (tooLong > 0)
    throw new Failure(
      'usage',
      'folder',
      `${dir} is ${tooLong} bytes too long a path: name another with --dir`,
    );
  try {
    if (existsSync(dir)) {
      const ours = readdirSync(dir).length === 0 || existsSync(join(dir, marker));
      if (!ours) throw new Failure('usage', 'not-empty', `${dir} holds something that the demo did not make`);
      if (fresh) rmSync(dir, { recursive: true });
    }
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, marker), markerText);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure(
      'usage',
      'folder',
      `${dir} cannot be used (${codeOf(cause)}): name another with --dir`,
      {
        cause,
      },
    );
  }
}

/** Sets values of a YAML file and leaves the rest as it stands. */
export function edit(file: string, changes: [path: string[], value: unknown][]): void {
  const document = parseDocument(readFileSync(file, 'utf8'));
  for (const [path, value] of changes) document.setIn(path, value);
  writeFileSync(file, document.toString({ lineWidth: 0 }), { mode: 0o600 });
}
