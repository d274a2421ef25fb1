import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { statementOf } from '#agent/nightly/statement.ts';
import { openStatements } from '#agent/nightly/statements.ts';
import { systemFiles } from '#agent/platform/files.ts';
import type { Store } from '#agent/store/store.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('daily statements');
const hour = 3_600_000;
const day = 24 * hour;
const monday = Date.UTC(2026, 10, 16);

test('counts what lies within the day, by cause', () => {
  const statement = statementOf(
    'cam-1',
    {
      segments: [
        { start: monday - hour, end: monday + hour },
        { start: monday + 2 * hour, end: monday + day + hour },
      ],
      gaps: [{ start: monday + hour, end: monday + 2 * hour, reason: 'power-lost' }],
    },
    { from: monday, to: monday + day },
    { deleted: 3, oldest: monday - 6 * day },
  );
  assert.equal(statement, {
    camera: 'cam-1',
    day: '2026-11-16',
    recordedMs: 23 * hour,
    gapsMs: { 'power-lost': hour },
    segments: 1,
    deleted: 3,
    oldest: '2026-11-10T00:00:00.000Z',
  });
});

async function statementsAt(folder: string, nowUtc: number) {
  const said: string[] = [];
  const camera = { id: 'cam-1', overlapping: () => ({ segments: [], gaps: [] }), oldest: () => undefined };
  const statements = await openStatements({
    files: systemFiles,
    path: join(folder, 'statements.json'),
    store: { cameras: () => [camera] } as unknown as Store,
    nowUtc,
    note: async (_, fields) => void said.push(`${fields['day']} ${fields['deleted']}`),
  });
  return { statements, said };
}

test('states each finished day once, over restarts and absences, and no more than a week', async () => {
  using folder = temporaryFolder();
  const first = await statementsAt(folder.path, monday + hour);
  await first.statements.upToDate(monday + hour);
  assert.equal(first.said, [], 'the day of installation is not over');
  await first.statements.swept('cam-1', 2);
  await first.statements.upToDate(monday + day + hour);
  await first.statements.upToDate(monday + day + 2 * hour);
  assert.equal(first.said, ['2026-11-16 2']);
  const later = await statementsAt(folder.path, monday + 3 * day);
  await later.statements.upToDate(monday + 3 * day);
  assert.equal(later.said, ['2026-11-17 0', '2026-11-18 0']);
  await later.statements.upToDate(monday + 30 * day);
  assert.is(later.said.length, 2 + 7);
});
