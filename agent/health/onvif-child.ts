import onvif from 'onvif';
import { openCappedAgent } from '../platform/capped-agent.ts';
import { answerParent } from '../platform/child.ts';
import { pause, systemClock } from '../platform/clock.ts';
import { positionOf, presetAt } from './onvif-position.ts';
import { type OnvifAnswer, type OnvifQuestion, onvifQuestion } from './onvif-question.ts';
import {
  eventsOf,
  informationOf,
  isRefusal,
  profilesOf,
  recordsOf,
  servicesOf,
  timeOf,
  uriOf,
} from './onvif-xml.ts';

/** Of one answer; each is small but for a recorder of many channels, whose profiles take 3 kB each. */
const replyMs = 5000;
/** Of the whole conversation: sixty-four profiles and their addresses. */
const maxBytes = 512 * 1024;
/** Addresses asked for: each is a question of its own. */
const maxUris = 12;
const recordingService = 'http://www.onvif.org/ver10/recording/wsdl';

/** The library's client with callbacks: its promises hide what a question of our own needs. */
interface Client {
  on(event: 'rawResponse', listener: (xml: string, status: number) => void): void;
  _envelopeHeader(): string;
  _envelopeFooter(): string;
}
type Call = (method: string, ...options: unknown[]) => Promise<unknown>;

function callsOf(client: Client): Call {
  return (method, ...options) =>
    new Promise((resolve, reject) => {
      const ask = (client as unknown as Record<string, (...all: unknown[]) => void>)[method];
      ask?.call(client, ...options, (error: unknown, data: unknown) =>
        error ? reject(error) : resolve(data),
      );
    });
}

async function converse(question: OnvifQuestion): Promise<OnvifAnswer> {
  const url = new URL(question.url);
  const tls = url.protocol === 'https:';
  const capped = openCappedAgent(maxBytes, tls);
  const client = new onvif.Cam({
    hostname: url.hostname.replaceAll(/[[\]]/g, ''),
    port: Number(url.port) || (tls ? 443 : 80),
    path: url.pathname,
    useSecure: tls,
    // The library writes the name into its XML as it is.
    ...(question.user === undefined ? {} : { username: escaped(question.user), password: question.password }),
    timeout: replyMs,
    agent: capped.agent,
    autoconnect: false,
  } as never) as unknown as Client;
  const answer: OnvifAnswer = {};
  const over = new AbortController();
  await Promise.race([
    ask(client, question, answer),
    capped.exceeded.then(() => {
      answer.error = 'broken';
    }),
    pause(systemClock, question.limitMs, over.signal).then(() => {
      if (!over.signal.aborted) answer.error ??= answer.clockOffsetMs === undefined ? 'away' : 'broken';
    }),
  ]);
  over.abort();
  capped.close();
  return answer;
}

/** Questions in order, the first that is not answered ends them. Each value is read from the raw reply. */
async function ask(client: Client, question: OnvifQuestion, answer: OnvifAnswer): Promise<void> {
  const call = callsOf(client);
  let raw = '';
  let status = 0;
  client.on('rawResponse', (xml, code) => {
    raw = xml;
    status = code;
  });
  const reply = async (asked: () => Promise<unknown>): Promise<string | undefined> => {
    raw = '';
    status = 0;
    try {
      await asked();
      return raw;
    } catch (error) {
      answer.error ??= causeOf(error, raw, status);
      return undefined;
    }
  };
  const began = systemClock.utc();
  const time = await reply(() => call('getSystemDateAndTime'));
  const theirs = time === undefined ? undefined : timeOf(time);
  // A whole second, cut off: on average half a second more.
  if (theirs !== undefined) answer.clockOffsetMs = theirs + 500 - (began + systemClock.utc()) / 2;
  if (answer.error === 'away') return;
  delete answer.error;

  // Connecting proves nothing about a password; this question does.
  const information = informationOf((await reply(() => call('getDeviceInformation'))) ?? '');
  if (information === undefined) {
    answer.error ??= 'broken';
    return;
  }
  answer.information = information;
  const told = (await reply(() => call('getServices', true))) ?? '';
  const services = servicesOf(told);
  let events = eventsOf(told);
  // Devices from before GetServices; the library learns where each service is from either.
  if (answer.error) {
    delete answer.error;
    events = eventsOf((await reply(() => call('getCapabilities'))) ?? '');
  }
  if (events !== undefined) answer.events = events;
  const profiles: NonNullable<OnvifAnswer['profiles']> = profilesOf(
    (await reply(() => call('getProfiles'))) ?? '',
  );
  if (answer.error) return;
  answer.profiles = profiles;
  for (const profile of profiles.slice(0, maxUris)) {
    const uri = uriOf((await reply(() => call('getStreamUri', { profileToken: profile.token }))) ?? '');
    if (uri !== undefined) profile.uri = uri;
    delete answer.error; // A profile without a stream, such as one of stills.
  }
  const moving = profiles.find(({ ptz }) => ptz) ?? profiles[0];
  if (question.ptz && moving) {
    const profileToken = moving.token;
    const said = (await reply(() => call('getStatus', { profileToken }))) ?? '';
    const position = positionOf(said);
    if (position) {
      answer.position = position;
      const preset = presetAt(said, (await reply(() => call('getPresets', { profileToken }))) ?? '');
      if (preset !== undefined) answer.preset = preset;
    }
    delete answer.error; // Whoever has no such service cannot say where it looks.
  }
  if (services.includes(recordingService)) {
    const body = `${client._envelopeHeader()}<GetRecordingJobs xmlns="${recordingService}"/>${client._envelopeFooter()}`;
    const jobs = await reply(() => call('_request', { service: 'recording', body }));
    if (jobs !== undefined) answer.records = recordsOf(jobs);
    delete answer.error;
  }
}

function causeOf(error: unknown, raw: string, status: number): 'away' | 'auth' | 'broken' {
  const { message = '', code = '' } = (error ?? {}) as { message?: string; code?: string };
  if (status === 401 || isRefusal(raw) || /authoriz|authenticat/i.test(message)) return 'auth';
  if (raw !== '') return 'broken';
  // A reset in the middle of a reply is no absence.
  return message === 'Network timeout' ||
    /^(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)$/.test(code)
    ? 'away'
    : 'broken';
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

// A process of its own: a reply of 200 kB can keep the library's parser busy for seconds, and it never gives up one
// that was cut off.
await answerParent((question) => converse(onvifQuestion.parse(question)));
