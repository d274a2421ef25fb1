// Writes protocol/asyncapi.yaml from the schemas: node test/unit/asyncapi-make.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { asyncApi } from '#protocol/asyncapi.ts';

export const asyncApiFile = new URL('../../protocol/asyncapi.yaml', import.meta.url);

/** The text that the schemas of now make. */
export function asyncApiText(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return stringify(asyncApi(version), { lineWidth: 0, aliasDuplicateObjects: false });
}

if (import.meta.main) writeFileSync(asyncApiFile, asyncApiText());
