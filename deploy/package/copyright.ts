import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '#protocol/failure.ts';
import type { Lock } from './lock.ts';

/** Files in which a package says under which terms it may be passed on. */
const licenceFile = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i;

export function isLicence(file: string): boolean {
  return licenceFile.test(file);
}

export interface Terms {
  /** debian/copyright: the parts, each with its licence's name, and where the texts are. */
  overview: string;
  /** The texts in full: ours, Node's with all that it embeds, and each npm package's. Shared ones stand once. */
  full: string;
}

/** Throws when a package states no licence at all. */
export function termsOf(
  root: string,
  modules: string,
  lock: Lock,
  places: readonly string[],
  node: { version: string; licence: string },
): Terms {
  const shared = new Map<string, string[]>();
  const rows: string[] = [];
  for (const place of places) {
    const folder = join(modules, place);
    const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      name: string;
      version: string;
      license?: string;
    };
    const files = readdirSync(folder).filter(isLicence).sort();
    const readMe = readdirSync(folder).find((file) => /^readme(?:\.md)?$/i.test(file));
    const inReadMe =
      readMe && /^#+ *licen[cs]e[\s\S]*/im.exec(readFileSync(join(folder, readMe), 'utf8'))?.[0];
    const stated = lock[place]?.license ?? about.license;
    const text =
      files.map((file) => readFileSync(join(folder, file), 'utf8').trim()).join('\n\n') ||
      inReadMe?.trim() ||
      (stated === undefined ? '' : `${stated}, as its package.json says.`);
    if (text === '') throw new Failure('config', 'build', `${about.name} states no licence`);
    const name = `${about.name} ${about.version}`;
    rows.push(` ${name}: ${stated ?? 'see its text'}`);
    shared.set(text, [...(shared.get(text) ?? []), name]);
  }
  const own = readFileSync(join(root, 'LICENSE'), 'utf8').trim();
  const rule = `\n\n${'-'.repeat(78)}\n\n`;
  const full = [
    `Node.js ${node.version}\n\n${node.licence.trim()}`,
    ...[...shared].map(([text, names]) => `${names.join(', ')}\n\n${text}`),
  ].join(rule);
  return {
    overview: `The Peio edge agent and its hub\n\n${own}\n${rule}Beside it this package holds, with their texts in full in licences.gz:

 Node.js ${node.version} (https://nodejs.org) and what it embeds: MIT and others
${rows.join('\n')}

On Debian the Apache License 2.0 is /usr/share/common-licenses/Apache-2.0, too.
`,
    full: `${full}\n`,
  };
}
