// Writes agent/config/agent.schema.json from the schema: node test/unit/config-schema-make.ts
import { writeFileSync } from 'node:fs';
import { editorSchema } from '#agent/config/editor-schema.ts';

export const editorSchemaFile = new URL('../../agent/config/agent.schema.json', import.meta.url);

/** The text that the schema of now makes. */
export function editorSchemaText(): string {
  return `${JSON.stringify(editorSchema(), null, 2)}\n`;
}

if (import.meta.main) writeFileSync(editorSchemaFile, editorSchemaText());
