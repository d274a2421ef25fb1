import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type Dated, earliestEnd, openCertificateLook } from '#agent/health/certificates.ts';
import type { ClockState } from '#protocol/clock-state.ts';
import { initAuthority } from '../../deploy/hub/authority/authority.ts';
import { openCertificateWatch } from '../../deploy/hub/server/certificates.ts';
import { toldConditions } from '../support/conditions.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('certificates that end');
const dayMs = 86_400_000;

test('a node warns 30 days before the first of its certificates ends, and not by a clock it does not believe', async () => {
  const clock = fakeClock();
  const { conditions, said, details } = await toldConditions(clock);
  let state: ClockState = 'synced';
  const ends: Dated[] = [
    { whose: 'own', until: clock.utc() + 100 * dayMs },
    { whose: 'authority', until: clock.utc() + 3000 * dayMs },
  ];
  const look = openCertificateLook(
    conditions,
    clock,
    () => state,
    () => ends,
  );
  look.look();
  await clock.advance(69 * dayMs);
  look.look();
  assert.equal(said, [], '31 days before');
  await clock.advance(dayMs);
  look.look();
  assert.equal(said, ['certificate-expiring.node raised own']);
  assert.match(details.at(-1) ?? '', /2026-04-25/);
  // The broker's, seen at the next connection, ends even sooner.
  ends.push({ whose: 'broker', until: clock.utc() + 2 * dayMs });
  look.look();
  await clock.advance(60_000);
  look.look();
  assert.is(said.at(-1), 'certificate-expiring.node raised broker');
  await clock.advance(2 * dayMs + 1000);
  look.look();
  assert.is(said.at(-1), 'certificate-expiring.node raised broker-expired');
  ends.splice(0, ends.length, { whose: 'own', until: clock.utc() + 825 * dayMs });
  look.look();
  assert.is(said.at(-1), 'certificate-expiring.node cleared');
  const before = said.length;
  state = 'unsynchronised';
  clock.stepUtc(900 * dayMs);
  look.look();
  assert.is(said.length, before, 'a clock that is wrong by years says nothing of dates');
  state = 'synced';
  look.look();
  assert.is(said.at(-1), 'certificate-expiring.node raised own-expired');
});

test('the end of a PEM is that of the certificate in it that ends first; what is none has no end', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const ca = await initAuthority(join(folder.path, 'ca'), {
    name: 'Comune',
    passphrase: undefined,
    utc: () => clock.utc(),
  });
  const { certificate } = await ca.issueWithKey('broker', ['127.0.0.1']);
  const end = earliestEnd(`${ca.certificate}${certificate}`);
  assert.is(Math.round(((end ?? 0) - clock.utc()) / dayMs), 825);
  assert.is(earliestEnd('no certificate'), undefined);
  assert.is(earliestEnd('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'), undefined);
  assert.is(earliestEnd(undefined), undefined);
});

test('the hub warns of its own certificate, of the authority and of the list of revoked ones', async () => {
  using folder = temporaryFolder();
  const clock = fakeClock();
  const ca = await initAuthority(join(folder.path, 'ca'), {
    name: 'Comune',
    passphrase: undefined,
    utc: () => clock.utc(),
  });
  const { certificate } = await ca.issueWithKey('hub', ['127.0.0.1']);
  let files: Record<string, string> = {
    'hub.crt': certificate,
    'ca.crt': ca.certificate,
    'ca.crl': ca.revocationList(),
  };
  const raised = new Map<string, { severity: string; detail: string }>();
  const bugs: unknown[] = [];
  const watch = openCertificateWatch({
    clock,
    alerts: {
      async raise({ node, key, severity, detail }) {
        raised.set(`${node}/${key}`, { severity, detail });
      },
      async clear(node, key) {
        raised.delete(`${node}/${key}`);
      },
    },
    read: (name) => files[name],
    brokerUntil: () => undefined,
    broken: (error) => bugs.push(error),
  });
  const days = async (count: number): Promise<void> => {
    clock.stepUtc(count * dayMs);
    await clock.advance(2 * 3_600_000);
  };
  await days(794);
  assert.is(raised.size, 0);
  await days(2);
  assert.is(raised.get('hub/certificate-expiring')?.severity, 'warning');
  assert.match(raised.get('hub/certificate-expiring')?.detail ?? '', /hub ca renew/);
  // Renewed: the alarm goes within the hour. A list that was forgotten keeps it.
  const renewed = await ca.issueWithKey('hub', ['127.0.0.1']);
  files = { ...files, 'hub.crt': renewed.certificate };
  await clock.advance(2 * 3_600_000);
  assert.match(raised.get('hub/certificate-expiring')?.detail ?? '', /revoca/);
  files = { ...files, 'ca.crl': await ca.list() };
  await clock.advance(2 * 3_600_000);
  assert.is(raised.size, 0);
  await days(826);
  assert.is(raised.get('hub/certificate-expiring')?.severity, 'critical', 'past its end');
  watch.close();
  assert.is(clock.pending(), 0);
  assert.equal(bugs, []);
});
