import type { KeyObject } from 'node:crypto';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { openConnection } from '#agent/mqtt/connection.ts';
import { readBootId } from '#agent/platform/boot.ts';
import type { Clock } from '#agent/platform/clock.ts';
import { systemFiles } from '#agent/platform/files.ts';
import { socketLocks } from '#agent/platform/lock.ts';
import type { Log } from '#agent/platform/log.ts';
import { systemRandom } from '#agent/platform/random.ts';
import { Failure, sentenceOf } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { protocolVersion, type StatePayload } from '#protocol/messages.ts';
import { instantText } from '#protocol/time.ts';
import { hubNode, topics } from '#protocol/topics.ts';
import { openAlarms } from '../alarms/alarms.ts';
import { watchBroker } from '../alarms/broker-watch.ts';
import { watchRoom } from '../alarms/room-watch.ts';
import { readAlarmSecrets } from '../alarms/settings.ts';
import { topologyOf } from '../alarms/topology.ts';
import { openWaysOut, type WaysOut, waysFor } from '../alarms/ways-out.ts';
import { openCases } from '../cases/cases.ts';
import { openClosing } from '../cases/closing.ts';
import { openDrills } from '../cases/drill.ts';
import { openReleases } from '../cases/releases.ts';
import { openReviews } from '../cases/reviews.ts';
import { openSticks } from '../cases/stick.ts';
import { type Fleet, openFleet } from '../fleet/fleet.ts';
import { tellHomeAssistant } from '../fleet/home-assistant.ts';
import { openInbox } from '../inbox/inbox.ts';
import { listenUploads } from '../inbox/uploads.ts';
import { openLogs } from '../logs/logs.ts';
import { openMinutesBook } from '../minutes/compose.ts';
import { openCoverage } from '../page/coverage.ts';
import { openHubPage, requireGuarded } from '../page/open-page.ts';
import { openPolicies } from '../policies/policies.ts';
import { openStragglers, type Stragglers } from '../policies/stragglers.ts';
import { openRegister } from '../register/register.ts';
import type { RequestRecord } from '../register/requests.ts';
import { inRounds } from '../rounds.ts';
import { serial } from '../serial.ts';
import { readIfPlaced, readNamed, type Settings, socketPath } from '../settings.ts';
import type { History } from '../trust.ts';
import { listenApi } from './api.ts';
import { openCertificateWatch } from './certificates.ts';
import { guardedBy, openDisk } from './disk.ts';
import { openDispatch } from './dispatch.ts';
import { handlersOf } from './handlers.ts';
import { listenToNodes } from './listen.ts';
import { openHubReflector } from './reflector.ts';
import { version } from './version.ts';

export interface Hub {
  socket: string;
  /** Where nodes upload to. */
  upload: string;
  /** Undefined without one. */
  page: string | undefined;
  /** Where links to here are measured; undefined without one, or while the port cannot be had. */
  stampPort(): number | undefined;
  close(): Promise<void>;
}

const roundMs = 60_000;

export interface HubOptions {
  settings: Settings;
  trusted: History;
  hubKey: KeyObject;
  clock: Clock;
  log: Log;
  /** Told of a bug: the process must end. */
  broken(error: unknown): void;
}

/**
 * Everything that `hub serve` keeps open. Throws `hub-busy` when another one serves this folder. `again` is told when
 * the disk takes anew what it refused: everything is to be closed, and opened anew.
 */
export async function openHub(options: HubOptions & { again?(): void }): Promise<Hub> {
  const { settings, trusted, hubKey, clock, log } = options;
  if (publicKeyOf(hubKey).id !== trusted.policy.hub.key.id)
    throw new Failure('config', 'other-hub', 'keys/hub.key is not the key that the policy names as the hub');
  await requireGuarded(settings, systemFiles);
  const secrets = readAlarmSecrets(settings.alarms, settings.dir, process.env);
  const lock = await socketLocks(systemFiles).hold(settings.dir);
  if (lock === undefined) throw new Failure('unavailable', 'hub-busy', `another hub serves ${settings.dir}`);
  const data = join(settings.dir, 'data');
  const logs = join(data, 'logs');
  await systemFiles.makeFolder(logs);
  const utc = (): number => clock.utc();

  const disk = await openDisk({
    ...{ clock, files: systemFiles, folder: data, log, broken: options.broken },
    again: () => options.again?.(),
  });
  const broken = (error: unknown): void => {
    if (disk.refused(error) === undefined) options.broken(error);
  };

  const register = openRegister(join(data, 'register.sqlite'), utc);
  const policies = openPolicies({ files: systemFiles, dir: settings.dir, history: trusted, register });
  const policy = policies.current;
  let fleet: Fleet | undefined;
  let out: WaysOut | undefined;
  const alerts = openAlarms({
    path: join(data, 'alarms.sqlite'),
    clock,
    knowledge: {
      topology: () =>
        topologyOf(
          policy().nodes.map(({ id }) => id),
          settings.nodes,
        ),
      heardAt: (node) => fleet?.heardAt(node),
      linkOf: (node, link) => fleet?.linkOf(node, link),
    },
    escalateMs: settings.alarms.escalate,
    waysFor: (notice, now) => waysFor(settings, notice, now),
    toSend: () => out?.wake(),
    changed: () => out?.changed(),
    refused: (error) => disk.refused(error) !== undefined,
    broken,
  });
  await disk.tellTo(alerts);
  fleet = openFleet({ clock, log, alerts, policy, broken, heard: alerts.look });
  const cases = await openCases({
    files: systemFiles,
    dir: join(data, 'cases'),
    register,
    policy,
    policiesSince: policies.since,
    utc,
    after: (ms, then) => clock.after(ms, then),
  });

  const order = serial();
  const statement = () => {
    const { size, hash } = register.head();
    return { policyVersion: policy().version, registerSize: size, registerHead: hash };
  };
  const policyHash = (wanted: number) => policies.at(wanted)?.hash;
  let behind: Stragglers['behind'] = () => false;
  const heads = { hubKey, policy, statement, policyHash, behind: (...of: [string, number]) => behind(...of) };
  const kept = { files: systemFiles, log, folder: logs, alerts, register, order, utc };
  const nodeLogs = openLogs({ ...heads, ...kept });
  await disk.bear(nodeLogs.open());

  const bootId = await readBootId(systemFiles);
  const sessionId = randomBytes(8).toString('hex');
  const state = (word: StatePayload['state']): string =>
    JSON.stringify({
      state: word,
      bootId,
      sessionId,
      version,
      protocol: protocolVersion,
      at: instantText(utc()),
    } satisfies StatePayload);
  const { ca, cert, key, url } = settings.mqtt;
  const bus = openConnection({
    url,
    clientId: hubNode,
    tls: { ca: readNamed(settings, ca), cert: readNamed(settings, cert), key: readNamed(settings, key) },
    will: () => ({ topic: topics.hubState, payload: state('offline'), delaySeconds: 30 }),
    clock,
    random: systemRandom,
    log: log.child({ part: 'mqtt' }),
  });
  const brokerWatch = watchBroker({ clock, alarms: alerts, connected: bus.connected, broken });
  const space = () => systemFiles.space(data);
  const roomWatch = watchRoom({ clock, alarms: alerts, space, broken });
  out = openWaysOut({
    settings,
    secrets,
    alarms: alerts,
    bus,
    clock,
    random: systemRandom,
    log: log.child({ part: 'alarms' }),
    broken,
  });
  const reflector = openHubReflector({ listen: settings.stamp?.listen, clock, log, broken });
  const dispatch = openDispatch(bus, cases, utc, log);
  const { witness } = nodeLogs;
  const sayings = new Set<Promise<void>>();
  const afterwards = (work: () => Promise<void>): void => {
    const saying = disk
      .unlessRefused(work)
      .catch(options.broken)
      .finally(() => sayings.delete(saying));
    sayings.add(saying);
  };
  const send = (node: string, envelope: Buffer): void =>
    afterwards(() => dispatch.policyStep(node, envelope));
  const stragglers = await openStragglers({
    ...{ clock, files: systemFiles, path: join(data, 'stragglers.json') },
    ...{ policies, send, broken },
  });
  ({ behind } = stragglers);
  policies.onChange(async () => {
    await nodeLogs.open();
    await dispatch.policy(policies.newest().envelope);
  });
  tellHomeAssistant(bus, settings, version, (error) => {
    log.warn({ why: sentenceOf(error) }, 'Home Assistant was not told');
  });
  const releases = openReleases({ cases, alerts, utc });
  listenToNodes({ bus, log, fleet, alerts, cases, dispatch, releases, order, witness, afterwards, disk });
  bus.onConnect(() => {
    const greet = async (): Promise<void> => {
      try {
        await bus.publish({ topic: topics.hubState, payload: state('online'), retain: true });
        await bus.publish({ topic: topics.hubPolicy, payload: policies.newest().envelope, retain: true });
      } catch (error) {
        if (!(error instanceof Failure) || error.code !== 'offline') throw error;
        return; // The next connection begins here again.
      }
      await dispatch.unanswered();
    };
    greet().catch(broken);
  });

  const rounds = new AbortController();
  inRounds(clock, roundMs, rounds.signal, () => afterwards(() => cases.lapse()));

  const inbox = openInbox({ files: systemFiles, cases, log });
  await disk.unlessRefused(() => inbox.recover());
  const closing = openClosing(cases, inbox, dispatch);
  await disk.unlessRefused(() => closing.resume());
  const reviews = openReviews({ cases, register, alerts, closing, utc });
  inRounds(clock, roundMs, rounds.signal, () => {
    afterwards(() => reviews.round());
    afterwards(() => releases.round());
  });
  const minutes = openMinutesBook({
    files: systemFiles,
    cases,
    register,
    settings,
    hubKey,
    policyAt: policies.at,
    newest: policies.newest,
    policiesSince: policies.since,
    clockOf: (node) => {
      const health = fleet.nodes().find(({ id }) => id === node)?.health;
      return health && { at: health.at, ...health.clock };
    },
    utc,
  });
  const certificates = openCertificateWatch({
    clock,
    alerts,
    read: (name) => readIfPlaced(settings, name),
    brokerUntil: bus.brokerUntil,
    broken,
  });
  const uploads = await listenUploads({ settings, folder: join(data, 'cases'), inbox, disk, log, broken });
  // "hub revoke" writes the list, then publishes the policy; a list that comes alone is found within the minute.
  policies.onChange(async () => uploads.reload());
  inRounds(clock, roundMs, rounds.signal, () => uploads.reload());
  const sticks = openSticks({ files: systemFiles, cases, inbox, register, policies, witness });
  const begun = trusted.all[0]?.policy.issuedAt ?? trusted.policy.issuedAt;
  const drills = openDrills({ clock, register, alerts, policy, begun, broken });
  const parts = {
    policies,
    drills,
    sticks,
    register,
    cases,
    fleet,
    alerts,
    dispatch,
    inbox,
    closing,
    minutes,
    bus,
    hubKey,
    utc,
    nodeLogs,
    settings,
    coverage: openCoverage(systemFiles, logs),
  };
  const handlers = guardedBy(disk, handlersOf({ ...parts, upload: uploads.url }));
  const socket = socketPath(settings.dir);
  const api = await listenApi(socket, handlers, log, broken);
  const source = { ...parts, brokerConnected: bus.connected };
  const enter = async (by: string, record: RequestRecord): Promise<string> =>
    (await handlers['POST /request']({ by, record })).id;
  const page = await openHubPage({ settings, source, alerts, enter, files: systemFiles, clock, log });
  return {
    socket,
    upload: uploads.url,
    page: page?.url(),
    stampPort: reflector.port,
    async close() {
      rounds.abort();
      await page?.close();
      await new Promise<void>((resolve) => {
        api.close(() => resolve());
        api.closeAllConnections();
      });
      await uploads.close();
      fleet.close();
      brokerWatch.close();
      roomWatch.close();
      await disk.close();
      await out?.close();
      await reflector.close();
      drills.close();
      certificates.close();
      if (bus.connected())
        await bus
          .publish({ topic: topics.hubState, payload: state('offline'), retain: true })
          .catch((error: unknown) =>
            log.info({ why: sentenceOf(error) }, 'the will says that the hub is gone'),
          );
      await bus.close();
      await order.idle();
      await Promise.all(sayings);
      await stragglers.close();
      alerts.close();
      register.close();
      await lock.release();
    },
  };
}
