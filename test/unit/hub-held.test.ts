import { createPrivateKey, randomUUIDv7 } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { payloadTypes, sha256, signEnvelope } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import type { HubClient } from '../../deploy/hub/cli/client.ts';
import { heldBy } from '../../deploy/hub/cli/held.ts';
import { recordText } from '../../deploy/hub/register/requests.ts';
import { readTrusted } from '../../deploy/hub/trust.ts';
import { codeThrown } from '../support/code-thrown.ts';
import { requestRecord } from '../support/hub-town.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { makeTown } from '../support/town.ts';

const test = suite('what a release lets go');

test('is read from what two persons signed, and from the record that names; anything else counts as unknown', async () => {
  using folder = temporaryFolder();
  const town = await makeTown(folder.path, { cameras: [{ id: 'cam-1', rtsp: 'rtsp://127.0.0.1:1/a' }] });
  const history = readTrusted(town.hub);
  const [operator, officer] = ['operator', 'officer'].map((who) =>
    createPrivateKey(readFileSync(join(town.hub, 'keys', `${who}.key`))),
  );
  assert.ok(operator && officer);
  const window = { camera: 'cam-1', from: '2026-01-15T10:00:00.000Z', to: '2026-01-15T10:01:00.000Z' };
  const record = requestRecord({ node: town.node, ...window });
  const full = recordText('salt', record);
  const id = randomUUIDv7();
  const hold = {
    ...{ id, type: 'hold', node: town.node, policyVersion: 1, ...window },
    ...{ issuedAt: '2026-01-15T12:00:00.000Z', expiresAt: '2026-01-16T12:00:00.000Z' },
    ...{ operator: publicKeyOf(operator).id, officer: publicKeyOf(officer).id },
    ...{ purpose: record.purpose, until: '2026-03-01T00:00:00.000Z' },
    request: { protocol: record.protocol, date: record.date, recordHash: sha256(full) },
  };
  const signed = (payload: object, ...keys: (typeof operator)[]): string =>
    signEnvelope(payloadTypes.command, Buffer.from(JSON.stringify(payload)), keys);
  /** A hub that shows these. */
  const hubWith = (envelope: string | undefined, text: string | undefined): HubClient => {
    const get = async (path: string): Promise<unknown> => {
      if (path === 'GET /case' && envelope !== undefined) return { envelope, request: '2026-0001' };
      if (path === 'GET /request' && text !== undefined) return { full: text };
      throw new Failure('denied', 'unknown', 'there is none');
    };
    return { get } as unknown as HubClient;
  };
  const whole = signed(hold, operator, officer);
  const held = await heldBy(hubWith(whole, full), history, id);
  assert.equal(held?.command.until, Date.parse(hold.until));
  assert.equal([held?.record?.authority, held?.request], [record.authority, '2026-0001']);

  const other = recordText('salt', { ...record, authority: 'somebody else' });
  for (const text of [other, undefined, 'no JSON']) {
    const alone = await heldBy(hubWith(whole, text), history, id);
    assert.is(alone?.command.camera, 'cam-1');
    assert.equal([alone?.record, alone?.request], [undefined, undefined]);
  }
  for (const [why, envelope] of [
    ['none', undefined],
    ['of one person', signed(hold, operator)],
    ['of one person twice', signed(hold, officer, officer)],
    ['another one', signed({ ...hold, id: randomUUIDv7() }, operator, officer)],
    ['no hold', signed({ ...hold, type: 'extract', until: undefined }, operator, officer)],
    ['no command', signed({ hello: 1 }, operator, officer)],
    ['no envelope', 'hello'],
    ['changed', whole.replace(/"payload":"..../, '"payload":"AAAA')],
  ] as const)
    assert.is(await heldBy(hubWith(envelope, full), history, id), undefined, why);

  const away = { get: () => Promise.reject(new Failure('unavailable', 'hub-away', 'no hub')) };
  assert.is(await codeThrown(() => heldBy(away as unknown as HubClient, history, id)), 'hub-away');
});
