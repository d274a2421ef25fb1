import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as assert from 'uvu/assert';
import { sha256 } from '#protocol/envelope.ts';
import { openRegister } from '../../deploy/hub/register/register.ts';
import {
  enterRequest,
  findRequest,
  type RequestRecord,
  requestRecord,
} from '../../deploy/hub/register/requests.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('the register');
const utc = (): number => Date.UTC(2026, 0, 15);

function withThree(path: string): void {
  const register = openRegister(path, utc);
  for (const kind of ['request', 'prepared', 'authorised'] as const)
    register.append({ kind, by: 'anna', case: 'c' });
  register.close();
}

test('lines are chained by hash, and the head is the last one’s', () => {
  using folder = temporaryFolder();
  const register = openRegister(join(folder.path, 'register.sqlite'), utc);
  assert.equal(register.head(), { size: 0, hash: '0'.repeat(64) });
  const first = register.append({ kind: 'request', request: '2026-0001', by: 'anna', recordHash: 'x' });
  const second = register.append({ kind: 'rejected', request: '2026-0001', by: 'anna', reason: 'y' });
  assert.is(first.prev, '');
  assert.is(second.prev, sha256(JSON.stringify(first)));
  assert.equal(register.head(), { size: 2, hash: sha256(JSON.stringify(second)) });
  assert.equal(register.lines(), [first, second]);
  register.close();
});

test('no statement changes, removes, replaces or inserts a line', () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'register.sqlite');
  withThree(path);
  const database = new DatabaseSync(path);
  for (const statement of [
    "UPDATE line SET text = 'x' WHERE seq = 2",
    'UPDATE line SET seq = 9 WHERE seq = 2',
    'DELETE FROM line WHERE seq = 3',
    'DELETE FROM line',
    "INSERT OR REPLACE INTO line VALUES (2, 'x', 'y')",
    "REPLACE INTO line VALUES (3, 'x', 'y')",
    "INSERT INTO line VALUES (7, 'x', 'y')",
    "INSERT INTO line VALUES (NULL, 'x', 'y')",
    "INSERT INTO line VALUES (0, 'x', 'y')",
  ])
    assert.throws(() => database.exec(statement), /register/, statement);
  database.close();
  const register = openRegister(path, utc);
  assert.is(register.lines().length, 3);
  register.close();
});

test('a register that was changed behind its triggers is not opened', async () => {
  for (const statement of [
    "UPDATE line SET text = replace(text, 'anna', 'bruno') WHERE seq = 2",
    "UPDATE line SET text = replace(text, 'anna', 'bruno'), hash = 'a' WHERE seq = 3",
    'DELETE FROM line WHERE seq = 2',
    'DELETE FROM line WHERE seq = 1',
    "UPDATE line SET text = 'nonsense' WHERE seq = 1",
  ]) {
    using folder = temporaryFolder();
    const path = join(folder.path, 'register.sqlite');
    withThree(path);
    const database = new DatabaseSync(path);
    database.exec('DROP TRIGGER line_never_changes; DROP TRIGGER line_never_goes;');
    database.exec(statement);
    database.close();
    assert.is(await codeThrown(() => openRegister(path, utc)), 'register-broken', statement);
  }
});

test('a file that is no register is not opened', async () => {
  assert.is(await codeThrown(() => openRegister('/proc/version', utc)), 'register-broken');
});

const record: RequestRecord = {
  protocol: '12/2026',
  date: '2026-01-15',
  authority: 'Carabinieri di Cogolo',
  persons: [{ name: 'Mario Rossi', qualification: 'maresciallo' }],
  purpose: 'judicial-police',
  reason: 'furto',
  windows: [
    { node: 'site-01', camera: 'cam-1', from: '2026-01-15T10:00:00.000Z', to: '2026-01-15T11:00:00.000Z' },
  ],
};

test('requests are numbered by year, and their record is hashed with a salt', () => {
  using folder = temporaryFolder();
  const register = openRegister(join(folder.path, 'register.sqlite'), utc);
  const enter = (salt: string, year: number): string =>
    enterRequest(register, record, salt, 'anna', Date.UTC(year, 5, 1));
  assert.equal(
    [enter('a', 2026), enter('b', 2026), enter('a', 2027)],
    ['2026-0001', '2026-0002', '2027-0001'],
  );
  const [first, second] = ['2026-0001', '2026-0002'].map((id) => findRequest(register.lines(), id));
  assert.is.not(first?.recordHash, second?.recordHash);
  assert.is(sha256(first?.full ?? ''), first?.recordHash);
  assert.equal(first?.record, record);
  assert.is(findRequest(register.lines(), '2026-0003'), undefined);
  register.close();
});

test('a request says who, what, when and why, or is none', () => {
  const wrong: Partial<Record<keyof RequestRecord, unknown>>[] = [
    { protocol: ' ' },
    { date: '15/01/2026' },
    { authority: '' },
    { persons: [] },
    { persons: [{ name: 'Mario Rossi' }] },
    { purpose: 'staff-discipline' },
    { reason: '' },
    { windows: [] },
    { windows: [{ ...record.windows[0], to: '2026-01-15T10:00:00.000Z' }] },
    { windows: [{ ...record.windows[0], from: 'yesterday' }] },
    { windows: [{ ...record.windows[0], camera: '../cam' }] },
  ];
  assert.ok(requestRecord.safeParse(record).success);
  for (const change of wrong)
    assert.not(requestRecord.safeParse({ ...record, ...change }).success, JSON.stringify(change));
  assert.not(requestRecord.safeParse({ ...record, more: 1 }).success);
});
