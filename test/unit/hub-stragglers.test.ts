import * as assert from 'uvu/assert';
import { openStragglers, policyGraceMs } from '../../deploy/hub/policies/stragglers.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { type MemoryDisk, memoryDisk } from '../support/memory-disk.ts';
import { suite } from '../support/suite.ts';

const test = suite('nodes that follow an older policy');
const path = '/hub/data/stragglers.json';

async function opened(clock: FakeClock, disk: MemoryDisk) {
  const sent: string[] = [];
  const bugs: unknown[] = [];
  const versions = [1, 2, 3].map((version) => ({
    policy: { version },
    envelope: Buffer.from(`p${version}`),
    hash: '',
  }));
  const stragglers = await openStragglers({
    clock,
    files: disk.files,
    path,
    policies: {
      newest: () => versions.at(-1) as never,
      stepFor: (version) => versions.find(({ policy }) => policy.version > version) as never,
    },
    send: (node, envelope) => sent.push(`${node} ${envelope}`),
    broken: (error) => bugs.push(error),
  });
  return { ...stragglers, sent, bugs };
}

async function disk(): Promise<MemoryDisk> {
  const made = memoryDisk(() => 0);
  await made.files.makeFolder('/hub/data');
  return made;
}

test('each head of such a node is answered with the next step; after the grace it is no longer cosigned', async () => {
  const clock = fakeClock();
  const { behind, sent, close, bugs } = await opened(clock, await disk());
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
  await close();
  assert.equal(bugs, []);
});

test('a hub that is restarted gives no new time; one that took the policy is forgotten', async () => {
  const clock = fakeClock();
  const shared = await disk();
  const first = await opened(clock, shared);
  first.behind('site-01', 1);
  first.behind('site-02', 1);
  await clock.advance(policyGraceMs / 2);
  first.behind('site-02', 3);
  await first.close();
  await clock.advance(policyGraceMs / 2 + 1);
  const second = await opened(clock, shared);
  assert.is(second.behind('site-01', 1), true);
  assert.is(second.behind('site-02', 1), false, 'it was there meanwhile');
  await second.close();

  clock.stepUtc(-86_400_000);
  const stepped = await opened(clock, shared);
  assert.is(stepped.behind('site-01', 1), false, 'a date from the future counts from now');
  await clock.advance(policyGraceMs + 1);
  assert.is(stepped.behind('site-01', 1), true);
  await stepped.close();

  const file = await shared.files.open(path, 'append');
  await file.write(Buffer.from('nonsense'));
  await file.close();
  const damaged = await opened(clock, shared);
  assert.is(damaged.behind('site-01', 1), false);
  await clock.advance(policyGraceMs + 1);
  assert.is(damaged.behind('site-01', 1), true);
  await damaged.close();
  assert.equal(
    [first, second, stepped, damaged].flatMap(({ bugs }) => bugs),
    [],
  );
});
