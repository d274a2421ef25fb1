import * as assert from 'uvu/assert';
import { openStragglers, policyGraceMs } from '../../deploy/hub/policies/stragglers.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('nodes that follow an older policy');

test('each head of such a node is answered with the next step; after the grace it is no longer cosigned', async () => {
  const clock = fakeClock();
  const sent: string[] = [];
  const versions = [1, 2, 3].map((version) => ({
    policy: { version },
    envelope: Buffer.from(`p${version}`),
    hash: '',
  }));
  const { behind } = openStragglers({
    clock,
    policies: {
      newest: () => versions.at(-1) as never,
      stepFor: (version) => versions.find(({ policy }) => policy.version > version) as never,
    },
    send: (node, envelope) => sent.push(`${node} ${envelope}`),
  });
  assert.is(behind('site-01', 3), false);
  assert.equal(sent, []);
  assert.is(behind('site-01', 1), false);
  await clock.advance(policyGraceMs);
  assert.is(behind('site-01', 2), false, 'it moves, and is not there yet');
  await clock.advance(1);
  assert.is(behind('site-01', 2), true);
  assert.is(behind('site-02', 2), false, 'another one has its own time');
  assert.is(behind('site-01', 3), false);
  assert.is(behind('site-01', 2), false, 'it was there meanwhile');
  assert.equal(sent, ['site-01 p2', 'site-01 p3', 'site-01 p3', 'site-02 p3', 'site-01 p3']);
});
