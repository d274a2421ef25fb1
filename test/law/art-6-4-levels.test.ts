import * as assert from 'uvu/assert';
import type { LoginRole } from '../../deploy/hub/page/logins.ts';
import { password, record, simulatedTown } from '../support/simulated-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// Art. 6 c. 4: to everyone what belongs to the tasks that were given to them, and nothing else.
const test = suite('Art. 6 c. 4: to each role its own sight', { timeoutMs: 180_000 });

const roles: readonly LoginRole[] = ['maintainer', 'operator', 'officer'];

test('who maintains sees cameras and alarms, and neither a request nor the register; operator and officer do', async () => {
  using folder = temporaryFolder();
  await using town = await simulatedTown(folder.path, { logins: roles });
  const request = town.ask('site-09', 'cam-1');
  const origin = town.page.url() as string;
  for (const role of [undefined, ...roles]) {
    let cookie = '';
    if (role !== undefined) {
      const answer = await fetch(`${origin}/login`, {
        method: 'POST',
        redirect: 'manual',
        headers: { 'sec-fetch-site': 'same-origin' },
        body: new URLSearchParams({ name: role, password }),
      });
      assert.is(answer.status, 303);
      cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    }
    const page = await fetch(`${origin}/`, { redirect: 'manual', headers: { cookie } });
    const register = await fetch(`${origin}/register`, { redirect: 'manual', headers: { cookie } });
    const allowed = role === 'operator' || role === 'officer';
    assert.is(register.status === 200, allowed, `${role}: register ${register.status}`);
    const shown = `${await page.text()}${await register.text()}`;
    for (const secret of [request, record.protocol, record.reason, 'Mario Rossi'])
      if (!allowed) assert.not(shown.includes(secret), `${role ?? 'nobody'} sees ${secret}`);
    if (allowed) assert.ok(shown.includes(record.protocol), `${role} does not see the register`);
    if (role !== undefined) assert.ok(shown.includes('camera-down.cam-2'));
  }
});
