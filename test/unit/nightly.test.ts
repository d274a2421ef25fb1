import * as assert from 'uvu/assert';
import { type NightlyJob, openNightly } from '#agent/platform/nightly.ts';
import { codeOf } from '#protocol/failure.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';

const test = suite('nightly jobs');
/** Half a day from now: no schedule begins anything here. */
const at = `${(new Date().getUTCHours() + 12) % 24}:00`;

function jobs(...all: Pick<NightlyJob, 'name' | 'limitMs' | 'run'>[]) {
  const failures: string[] = [];
  const nightly = openNightly(
    all.map((job) => ({ at, ...job })),
    (name, error) => failures.push(`${name} ${codeOf(error)}`),
  );
  return { nightly, failures };
}

test('a job that never ends is given up on, and holds up no other', async () => {
  let told: AbortSignal | undefined;
  let others = 0;
  const { nightly, failures } = jobs(
    {
      name: 'hanging',
      limitMs: 20,
      run: (signal) => {
        told = signal;
        return new Promise(() => {});
      },
    },
    {
      name: 'other',
      limitMs: 60_000,
      run: async () => {
        others += 1;
      },
    },
  );
  nightly.now('hanging');
  nightly.now('other');
  await eventually('the other to have its turn', () => others === 1);
  assert.equal([told?.aborted, failures], [true, ['hanging job-late']]);
  await nightly.close();
});

test('one at a time; what a job throws is told, and closing tells the one that runs and waits for it', async () => {
  const order: string[] = [];
  const { nightly, failures } = jobs(
    {
      name: 'failing',
      limitMs: 60_000,
      run: async () => {
        order.push('failing');
        throw Object.assign(new Error('the disk'), { code: 'EIO' });
      },
    },
    {
      name: 'long',
      limitMs: 60_000,
      run: (signal) =>
        new Promise((resolve) => {
          order.push('long');
          signal.addEventListener('abort', () => {
            order.push('told');
            resolve();
          });
        }),
    },
  );
  nightly.now('failing');
  nightly.now('long');
  nightly.clockStepped();
  await eventually('the second to run', () => order.length === 2);
  await nightly.close();
  assert.equal([order, failures], [['failing', 'long', 'told'], ['failing EIO']]);
});
