import { join } from 'node:path';
import { publicKeyOf } from '#protocol/key.ts';
import { type Audit, openAudit } from '../audit/audit.ts';
import { sinceBootMs } from '../platform/boot.ts';
import { storeLocks } from '../platform/lock.ts';
import { releasedAt, version } from '../platform/node-version.ts';
import { readTimeService } from '../platform/time-service.ts';
import { openPolicy, type PolicyInForce } from '../policy/policy.ts';
import { type ClockTrust, openClockTrust } from '../retention/retention.ts';
import { openStore, type Store } from '../store/store.ts';
import { type Life, tolerated } from './node.ts';

/** What a node remembers: its footage, its log, the rules in force, how far its clock is to be believed. */
export interface Memory {
  dir: string;
  store: Store;
  audit: Audit;
  policy: PolicyInForce;
  trust: ClockTrust;
  /** A line for what happened anyway: a log that does not take it is told of, and the agent goes on. */
  record(kind: string, fields: Parameters<Audit['append']>[1]): void;
}

/** Opens what is on disk, alone, and puts right what a crash left. Logs start, and stop when it closes. */
export async function openMemory(life: Life): Promise<Memory> {
  const { files, clock, log, config, scope, bootId, sessionId } = life;
  const { node, signingKey } = config;
  const { path: dir, mount, segmentMs } = config.store;

  const store = await openStore({ files, locks: storeLocks(files), clock, dir, mount, bootId, segmentMs });
  scope.defer(() => store.close());
  for (const { camera, code, path } of store.recovered)
    log.warn({ camera, code, path }, 'put right at start');

  const audit = await openAudit({ files, clock, folder: join(dir, 'audit'), node, key: signingKey });
  scope.defer(() => audit.close());
  const record: Memory['record'] = (kind, fields) =>
    tolerated(life, `the event ${kind} could not be logged`, audit.append(kind, fields));

  const { trust: roots, policy: configured } = config;
  const policy = await openPolicy({
    files,
    log,
    folder: dir,
    node,
    trust: roots,
    configured,
    note: audit.append,
  });
  const keyid = publicKeyOf(signingKey).id;
  if (policy.current().policy.nodes.find(({ id }) => id === node)?.key.id !== keyid)
    log.error({ keyid }, 'the policy does not name this node with this key: the hub will not believe it');
  record('start', {
    version,
    bootId,
    sessionId,
    after: store.absence?.reason ?? 'first-start',
    policyVersion: policy.current().version,
    policyHash: policy.current().hash,
  });
  scope.defer(() => record('stop', { sessionId }));

  const trust = await openClockTrust({
    clock,
    state: store.state,
    service: () => readTimeService(life.ending.signal),
    boot: { id: bootId, monotonicMs: sinceBootMs() },
    floor: Math.max(releasedAt, ...store.cameras().map((camera) => camera.coveredTo() ?? 0)),
  });
  return { dir, store, audit, policy, trust, record };
}
