import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '#protocol/failure.ts';
import { type Arch, maintainer, type Product } from './product.ts';

/** DEBIAN/control (Debian policy §5.3). `installedBytes` of all files. */
export function controlText(product: Product, version: string, arch: Arch, installedBytes: number): string {
  return `Package: ${product.name}
Version: ${version}
Architecture: ${arch}
Maintainer: ${maintainer}
Installed-Size: ${Math.ceil(installedBytes / 1024)}
Depends: ${product.depends.join(', ')}
Recommends: ${product.recommends.join(', ')}
Section: video
Priority: optional
Description: ${product.summary}
${product.description.map((line) => ` ${line}`).join('\n')}
`;
}

/** The newest section of CHANGELOG.md as a Debian changelog (policy §4.4). */
export function changelogText(root: string, product: Product, version: string, epoch: number): string {
  const text = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
  const section = /^## .*\n+([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(text)?.[1];
  const entries = section?.split(/^- /m).slice(1);
  if (!entries?.length) throw new Failure('config', 'build', 'CHANGELOG.md has no section with entries');
  const bullets = entries.map((entry) =>
    wrap(`* ${entry.replaceAll('`', '').replaceAll(/\s+/g, ' ').trim()}`),
  );
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  return `${product.name} (${version}) stable; urgency=medium\n\n${bullets.join('\n')}\n\n -- ${maintainer}  ${date}\n`;
}

/** At 78 characters, continued below the text of the bullet. */
function wrap(text: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > 74) {
      lines.push(line);
      line = `  ${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => `  ${one}`).join('\n');
}

/** One of the scripts in debian/, for `product`. */
export function scriptText(name: string, product: Product): string {
  const text = readFileSync(join(import.meta.dirname, 'debian', name), 'utf8');
  return text
    .replaceAll('@PACKAGE@', product.name)
    .replaceAll('@CONFIGURED@', product.configuration)
    .replaceAll('@STATE@', product.state);
}

/** Runs the program on the Node beside it; the tree works wherever it was unpacked. */
export function wrapperText(product: Product): string {
  const root = join(import.meta.dirname, '..', '..');
  // The same as in a checkout: see bootstrap.mjs.
  const { nodeFlags, nodeEnvironment } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const flags = (nodeFlags[product.entry] ?? []).map((flag: string) => ` ${flag}`).join('');
  const environment = Object.entries(nodeEnvironment[product.entry] ?? {})
    .map(([name, value]) => `export ${name}="\${${name}:-${value}}"\n`)
    .join('');
  return `#!/bin/sh
${environment}usr=$(dirname "$(dirname "$(readlink -f "$0")")")
exec "$usr/lib/${product.name}/bin/node"${flags} "$usr/lib/${product.name}/${product.entry}" "$@"
`;
}
