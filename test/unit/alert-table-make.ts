// Writes agent/alert/conditions.md from the table of conditions: node test/unit/alert-table-make.ts
import { writeFileSync } from 'node:fs';
import { conditionsPage } from '#agent/alert/words.ts';

writeFileSync(new URL('../../agent/alert/conditions.md', import.meta.url), conditionsPage());
