import { join } from 'node:path';
import { publicKeyOf } from '#protocol/key.ts';
import { type Audit, openAudit } from '../audit/audit.ts';
import { sinceBootMs } from '../platform/boot.ts';
import { pause } from '../platform/clock.ts';
import { storeLocks } from '../platform/lock.ts';
import { releasedAt, version } from '../platform/node-version.ts';
import { readTimeService } from '../platform/time-service.ts';
import { openPolicy, type PolicyInForce } from '../policy/policy.ts';
import { type ClockTrust, openClockTrust } from '../retention/retention.ts';
import { openStore, type Store } from '../store/store.ts';
import { guarded, type Life, tolerated } from './node.ts';

/** As often as the head is shown where somebody is there to see it. */
const signEveryMs = 5 * 60_000;

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
  let signed = 0;
  /** Whoever shortens the log behind it is found by its check alone, on a box that never meets a broker too. */
  const signHead = async (): Promise<void> => {
    if (audit.size() === signed) return;
    signed = (await audit.checkpoint(policy.current()))?.size ?? 0;
  };
  const signing = async (): Promise<void> => {
    while (!life.ending.signal.aborted) {
      await pause(clock, signEveryMs, life.ending.signal);
      tolerated(life, 'the head of the log could not be signed', signHead());
    }
  };
  const heads = guarded(life, signing());
  scope.defer(async () => {
    life.ending.abort();
    await heads;
    record('stop', { sessionId });
    await audit.settled();
    // The log waits for it as it closes.
    tolerated(life, 'the head of the log could not be signed', signHead());
  });

  const trust = await openClockTrust({
    clock,
    state: store.state,
    service: () => readTimeService(life.ending.signal),
    boot: { id: bootId, monotonicMs: sinceBootMs() },
    floor: Math.max(releasedAt, ...store.cameras().map((camera) => camera.coveredTo() ?? 0)),
  });
  return { dir, store, audit, policy, trust, record };
}
