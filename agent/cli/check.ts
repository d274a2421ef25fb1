import { dirname } from 'node:path';
import { codeOf, Failure, sentenceOf } from '#protocol/failure.ts';
import { gapReason } from '#protocol/gap.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { recipientsFor, verifyPolicy } from '#protocol/policy.ts';
import { parseRecipients } from '#protocol/seal/seal.ts';
import { reasonText } from '../alert/camera-down.ts';
import type { FragmentSink } from '../camera/ingest.ts';
import { type IngestParts, openIngest } from '../camera/open-ingest.ts';
import { systemParts } from '../camera/system-parts.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { askOnvif } from '../health/onvif.ts';
import { openConnection } from '../mqtt/connection.ts';
import { askChild } from '../platform/child.ts';
import { pause, systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { openLog } from '../platform/log.ts';
import { systemRandom } from '../platform/random.ts';
import { readTimeService } from '../platform/time-service.ts';
import { requireMounted } from '../store/place.ts';
import { lasting } from '../view/times.ts';
import { type Command, required } from './arguments.ts';
import { askRunningAgent } from './running-agent.ts';

/** One thing checked: what was found, in words; `warning` does not fail the check. */
interface Finding {
  /** For programs: the same in every language. */
  check: 'configuration' | 'policy' | 'disk' | 'clock' | 'broker' | 'keys' | 'pictures' | 'camera' | 'onvif';
  /** The camera, where one is meant. */
  subject?: string;
  /** For people. */
  what: string;
  state: 'ok' | 'warning' | 'failed';
  detail: string;
}

/** A camera gives a keyframe within this, or the installer wants to know why not. */
const cameraLimitMs = 15_000;
const brokerLimitMs = 10_000;
const askedAtOnce = 4;
const readPaceMs = 20;
/** Whoever keeps less than a day rarely means it. */
const dayMs = 86_400_000;
const shapes = { ok: '●', warning: '◐', failed: '▲' } as const;

export const checkCommand: Command = {
  name: 'check',
  usage: '--config FILE [--json]',
  summary: 'Tries configuration, policy, keys, disk, clock, broker and every camera; exit 1 when one fails',
  words: 0,
  options: {
    config: { type: 'string', value: 'FILE', describe: 'configuration of the node (YAML)' },
    json: { type: 'boolean', describe: 'as JSON' },
  },
  async run(values) {
    const file = required(values, 'config');
    const config = await loadConfig(file, { files: systemFiles, env: process.env });
    const findings: Finding[] = [];
    const say = (finding: Finding): void => {
      findings.push(finding);
      if (!values['json'])
        process.stdout.write(`${shapes[finding.state]} ${finding.what.padEnd(14)} ${finding.detail}\n`);
    };
    const t = words[config.lang];
    const { retentionMs } = config.store;
    const short = retentionMs < dayMs;
    say({
      check: 'configuration',
      what: t.configuration,
      state: short ? 'warning' : 'ok',
      detail: `${config.node}, ${config.cameras.length} ${t.cameras}${short ? `; ${t.short(lasting(retentionMs, config.lang))}` : ''}`,
    });
    for (const check of [checkPolicy, checkDisk, checkClock, checkBroker, checkKeys])
      say(await check(config));
    const waiting = [...config.cameras];
    const log = openLog('silent');
    const parts = systemParts(systemClock, systemRandom, log, { readPaceMs, ffmpeg: config.ffmpeg });
    if (config.cameras.length > 0) say(await checkDecoder(config, parts));
    const worker = async (): Promise<void> => {
      for (let camera = waiting.shift(); camera; camera = waiting.shift()) {
        say(await checkCamera(config, camera, parts));
        say(await checkOnvif(config, camera));
      }
    };
    await Promise.all(Array.from({ length: askedAtOnce }, worker));
    const failed = findings.filter(({ state }) => state === 'failed').length;
    if (values['json']) process.stdout.write(`${JSON.stringify({ ok: failed === 0, findings })}\n`);
    else process.stdout.write(`\n${failed === 0 ? t.good : t.bad(failed)}\n`);
    return failed === 0 ? 0 : 1;
  },
};

const words = {
  it: {
    configuration: 'configurazione',
    cameras: 'telecamere',
    short: (time: string) => `conserva solo ${time}`,
    policy: 'regole',
    disk: 'disco',
    clock: 'orologio',
    broker: 'broker',
    camera: 'telecamera',
    policyGood: (version: number, count: number) =>
      `versione ${version}, firmate; si sigilla per ${count} destinatari`,
    keys: 'chiavi',
    keysGood: (id: string) => `le regole nominano questo nodo con questa chiave (${id})`,
    keysUnknown: 'senza regole valide non si può dire di chi è la chiave del nodo',
    keysWrong: 'le regole non nominano questo nodo con questa chiave: chiedere al municipio',
    free: (gigabytes: string) => `${gigabytes} GB liberi`,
    synced: 'sincronizzato',
    unsynchronised: 'non sincronizzato: controllare il servizio orario',
    unknown: 'nessun servizio orario da interrogare: un orologio avanti cancella prima del tempo',
    none: 'non configurato: il nodo registra soltanto',
    connected: 'collegato, MQTT',
    agentConnected: 'collegato l’agente in funzione, MQTT',
    unreachable: 'non raggiungibile',
    silent: 'nessuna immagine entro 15 s',
    audio: 'offre audio, che non si registra: disattivarlo nella telecamera',
    pictures: 'immagini',
    noDecoder:
      'manca ffmpeg: le immagini non vengono giudicate, e altri formati che H.264 e H.265 non registrati',
    selfUnasked: 'nessun indirizzo ONVIF: non si può sapere se registra da sé',
    selfUnknown: 'non si può sapere se registra da sé',
    selfRecords:
      'registra sulla propria memoria, oltre i limiti del regolamento: disattivarlo nella telecamera',
    selfNot: 'non registra da sé',
    onvifErrors: {
      away: 'non risponde',
      auth: 'rifiuta utente o password',
      broken: 'risponde in modo errato',
    },
    good: 'Tutto regolare.',
    bad: (count: number) => (count === 1 ? '1 controllo fallito.' : `${count} controlli falliti.`),
  },
  en: {
    configuration: 'configuration',
    cameras: 'cameras',
    short: (time: string) => `keeps only ${time}`,
    policy: 'policy',
    disk: 'disk',
    clock: 'clock',
    broker: 'broker',
    camera: 'camera',
    policyGood: (version: number, count: number) =>
      `version ${version}, signed; seals to ${count} recipients`,
    keys: 'keys',
    keysGood: (id: string) => `the policy names this node with this key (${id})`,
    keysUnknown: 'without a good policy nobody can tell whose key this is',
    keysWrong: 'the policy does not name this node with this key: ask the town hall',
    free: (gigabytes: string) => `${gigabytes} GB free`,
    synced: 'synchronised',
    unsynchronised: 'not synchronised: look at the time service',
    unknown: 'no time service to ask: a clock that is ahead deletes too early',
    none: 'not configured: the node records and tells nobody',
    connected: 'connected, MQTT',
    agentConnected: 'the agent that runs is connected, MQTT',
    unreachable: 'out of reach',
    silent: 'no picture within 15 s',
    audio: 'offers audio, which is not recorded: turn it off in the camera',
    pictures: 'pictures',
    noDecoder: 'no ffmpeg: pictures are not judged, and formats other than H.264 and H.265 not recorded',
    selfUnasked: 'no ONVIF address: whether it records by itself cannot be told',
    selfUnknown: 'whether it records by itself cannot be told',
    selfRecords: 'records on its own storage, beyond the limits of the regulation: turn it off in the camera',
    selfNot: 'does not record by itself',
    onvifErrors: { away: 'does not answer', auth: 'refuses user or password', broken: 'answers wrongly' },
    good: 'All well.',
    bad: (count: number) => (count === 1 ? '1 check failed.' : `${count} checks failed.`),
  },
} as const;

async function checkPolicy(config: Config): Promise<Finding> {
  const t = words[config.lang];
  const as = { check: 'policy', what: t.policy } as const;
  try {
    const policy = verifyPolicy(config.policy, config.trust);
    const recipients = parseRecipients(recipientsFor(policy, config.node, systemClock.utc()));
    return { ...as, state: 'ok', detail: t.policyGood(policy.version, recipients.length) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { ...as, state: 'failed', detail: sentenceOf(error) };
  }
}

/** A node whose key the policy does not name is believed by nobody. */
async function checkKeys(config: Config): Promise<Finding> {
  const t = words[config.lang];
  const as = { check: 'keys', what: t.keys } as const;
  const mine = publicKeyOf(config.signingKey).id;
  try {
    const { nodes } = verifyPolicy(config.policy, config.trust);
    const named = nodes.find(({ id }) => id === config.node)?.key.id === mine;
    return named
      ? { ...as, state: 'ok', detail: t.keysGood(mine.slice(0, 16)) }
      : { ...as, state: 'failed', detail: t.keysWrong };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { ...as, state: 'warning', detail: t.keysUnknown };
  }
}

async function checkDisk(config: Config): Promise<Finding> {
  const t = words[config.lang];
  const { path, mount } = config.store;
  try {
    await requireMounted(systemFiles, path, mount);
    const { freeBytes, totalBytes } = await systemFiles.space(await nearest(path));
    const short = freeBytes < totalBytes * config.store.reserve;
    return {
      check: 'disk',
      what: t.disk,
      state: short ? 'warning' : 'ok',
      detail: `${path}: ${t.free((freeBytes / 1e9).toFixed(1))}`,
    };
  } catch (error) {
    return {
      check: 'disk',
      what: t.disk,
      state: 'failed',
      detail: `${path}: ${error instanceof Failure ? error.message : codeOf(error)}`,
    };
  }
}

async function checkClock(config: Config): Promise<Finding> {
  const t = words[config.lang];
  const state = await readTimeService(AbortSignal.timeout(5000));
  return { check: 'clock', what: t.clock, state: state === 'synced' ? 'ok' : 'warning', detail: t[state] };
}

async function checkBroker(config: Config): Promise<Finding> {
  const t = words[config.lang];
  if (config.mqtt === undefined) return { check: 'broker', what: t.broker, state: 'warning', detail: t.none };
  const found = (state: Finding['state'], detail: string): Finding => {
    return { check: 'broker', what: t.broker, state, detail: `${config.mqtt?.url}: ${detail}` };
  };
  // The broker calls who connects by the name in its certificate: another connection would end that of the agent.
  const running = (await askRunningAgent(config))?.health.mqtt;
  if (running?.connected) return found('ok', `${t.agentConnected} ${running.protocol}`);
  const bus = openConnection({
    ...config.mqtt,
    clientId: `${config.node}-check`,
    will: () => ({ topic: `peio/v1/${config.node}/check`, payload: '', delaySeconds: 0 }),
    clock: systemClock,
    random: systemRandom,
    log: openLog('silent'),
  });
  const limit = AbortSignal.timeout(brokerLimitMs);
  while (!bus.connected() && !limit.aborted) await pause(systemClock, 50, limit);
  const connected = bus.connected();
  const protocol = bus.protocol();
  await bus.close();
  return connected ? found('ok', `${t.connected} ${protocol}`) : found('failed', t.unreachable);
}

/** Without a decoder what cameras show is unknown; recording needs none. */
async function checkDecoder(config: Config, parts: IngestParts): Promise<Finding> {
  const t = words[config.lang];
  const found = await parts.find();
  return found === undefined
    ? { check: 'pictures', what: t.pictures, state: 'warning', detail: t.noDecoder }
    : { check: 'pictures', what: t.pictures, state: 'ok', detail: found.path };
}

/** What it says of itself, above all whether it keeps pictures of its own (Art. 3.2): fails when it does. */
async function checkOnvif(config: Config, camera: Config['cameras'][number]): Promise<Finding> {
  const t = words[config.lang];
  const as = { check: 'onvif', subject: camera.id, what: `ONVIF ${camera.id}` } as const;
  const { onvif } = camera;
  if (onvif === undefined) return { ...as, state: 'warning', detail: t.selfUnasked };
  const { error, information, records } = await askOnvif(
    askChild,
    { ...camera, onvif },
    new AbortController().signal,
  );
  const device = information
    ? `${information.manufacturer} ${information.model} ${information.firmware}`.trim()
    : '';
  const said = [error === undefined ? device : t.onvifErrors[error]].filter(Boolean);
  if (records === true) return { ...as, state: 'failed', detail: [...said, t.selfRecords].join('; ') };
  if (records === false)
    return { ...as, state: error ? 'warning' : 'ok', detail: [...said, t.selfNot].join('; ') };
  return { ...as, state: 'warning', detail: [...said, t.selfUnknown].join('; ') };
}

/** The folder of a store that nobody has opened yet is made in the nearest one that is there. */
async function nearest(path: string): Promise<string> {
  const here = (await systemFiles.facts(path)) !== undefined;
  return here || path === dirname(path) ? path : nearest(dirname(path));
}

/** Records nothing: stops at the first keyframe. */
async function checkCamera(
  config: Config,
  camera: Config['cameras'][number],
  parts: IngestParts,
): Promise<Finding> {
  const t = words[config.lang];
  const as = { check: 'camera', subject: camera.id, what: `${t.camera} ${camera.id}` } as const;
  const enough = new AbortController();
  let seen = '';
  const sink: FragmentSink = {
    track: ({ codec, width, height }) => {
      seen = `${codec} ${width}×${height}`;
    },
    fragment: () => enough.abort(),
  };
  const { rtsp: url, ...choice } = camera;
  const ingest = openIngest({ url, ...choice }, parts)();
  const limit = AbortSignal.timeout(cameraLimitMs);
  try {
    await ingest.run(sink, AbortSignal.any([enough.signal, limit]));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const reason = gapReason.safeParse(error.code);
    const plain =
      reason.success && config.lang === 'it'
        ? `${reasonText[reason.data]} (${error.code})`
        : sentenceOf(error);
    return { ...as, state: 'failed', detail: plain };
  }
  if (!enough.signal.aborted) return { ...as, state: 'failed', detail: t.silent };
  const { offered, because } = ingest.stats();
  if (because !== undefined) seen += `, ffmpeg (${because})`;
  const audio = offered.some((media) => media.startsWith('audio/'));
  return { ...as, state: audio ? 'warning' : 'ok', detail: audio ? `${seen}; ${t.audio}` : seen };
}
