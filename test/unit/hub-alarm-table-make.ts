// Writes deploy/hub/alarms/conditions.md from the table of conditions: node test/unit/hub-alarm-table-make.ts
import { writeFileSync } from 'node:fs';
import { hubConditionsPage } from '../../deploy/hub/alarms/hub-conditions.ts';

writeFileSync(new URL('../../deploy/hub/alarms/conditions.md', import.meta.url), hubConditionsPage());
