import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openRegister } from '../../deploy/hub/register/register.ts';
import {
  enterRequest,
  requestRecord as parseRecord,
  sameRequest,
} from '../../deploy/hub/register/requests.ts';
import { requestRecord } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('a request that was entered before');

test('is named where the two ask for the very same, whatever salted them, and not once it was rejected', () => {
  using folder = temporaryFolder();
  const now = Date.UTC(2026, 0, 15);
  const register = openRegister(join(folder.path, 'register.sqlite'), () => now);
  const window = {
    node: 'site-01',
    camera: 'cam-1',
    from: '2026-01-14T10:00:00.000Z',
    to: '2026-01-14T10:01:00.000Z',
  };
  const record = parseRecord.parse(requestRecord(window));
  const enter = (salt: string, given = record): string => enterRequest(register, given, salt, 'anna', now);
  const same = (id: string): string | undefined => sameRequest(register.lines(), id);
  const first = enter('a');
  assert.is(same(first), undefined);
  const other = enter('a', { ...record, reason: 'another reason' });
  assert.is(same(other), undefined);
  const second = enter('b');
  assert.is(same(second), first);
  const third = enter('c');
  assert.is(same(third), second);
  for (const request of [second, first])
    register.append({ kind: 'rejected', request, by: 'anna', reason: 'twice' });
  assert.is(same(third), undefined);
  assert.is(same('2026-0099'), undefined);
  register.close();
});
