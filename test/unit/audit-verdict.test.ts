import * as assert from 'uvu/assert';
import { judgeAudit } from '../support/audit-verdict.ts';
import { suite } from '../support/suite.ts';

const test = suite('npm audit, judged');

const answer = (high: number, critical: number, vulnerabilities: object): string =>
  JSON.stringify({
    metadata: {
      vulnerabilities: { info: 0, low: 1, moderate: 0, high, critical, total: high + critical + 1 },
    },
    vulnerabilities,
  });

test('high or critical fails and is named; less does not; no answer is no clean bill', () => {
  const low = { 'left-pad': { severity: 'low' } };
  assert.is(judgeAudit(answer(0, 0, low)).ok, true);
  const grave = judgeAudit(answer(1, 0, { ...low, tar: { severity: 'high' } }));
  assert.is(grave.ok, false);
  assert.match(grave.sentence, /tar/);
  assert.is(judgeAudit(answer(0, 1, { a: { severity: 'critical' } })).ok, false);
  for (const silent of ['', 'npm ERR!', '{"message":"405 Method Not Allowed"}', '{}']) {
    const { ok, sentence } = judgeAudit(silent);
    assert.is(ok, true);
    assert.match(sentence, /NOT AUDITED/);
  }
});
