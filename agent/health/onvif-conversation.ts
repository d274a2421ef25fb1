import { openCappedAgent } from '../platform/capped-agent.ts';
import { pause, systemClock } from '../platform/clock.ts';
import { addressesOf } from './onvif-address.ts';
import { escaped, type OnvifClient, openOnvifClient } from './onvif-client.ts';
import { positionOf, presetAt } from './onvif-position.ts';
import type { OnvifAnswer, OnvifQuestion } from './onvif-question.ts';
import { informationOf, profilesOf, recordsOf, timeOf, uriOf } from './onvif-xml.ts';

/** Of the whole conversation: sixty-four profiles and their addresses. */
const maxBytes = 512 * 1024;
/** Addresses asked for: each is a question of its own. */
const maxUris = 12;

/** Asks a device everything, within `limitMs`; what was said before it failed is answered beside the failure. */
export async function converse({ url, user, password, ptz, limitMs }: OnvifQuestion): Promise<OnvifAnswer> {
  const capped = openCappedAgent(maxBytes, new URL(url).protocol === 'https:');
  const credentials = user === undefined || password === undefined ? undefined : { user, password };
  const client = openOnvifClient(url, credentials, capped.agent);
  const answer: OnvifAnswer = {};
  const over = new AbortController();
  await Promise.race([
    ask(client, { known: credentials !== undefined, ptz }, answer),
    capped.exceeded.then(() => {
      answer.error = 'broken';
    }),
    pause(systemClock, limitMs, over.signal).then(() => {
      if (!over.signal.aborted) answer.error ??= answer.clockOffsetMs === undefined ? 'away' : 'broken';
    }),
  ]);
  over.abort();
  capped.close();
  return answer;
}

/**
 * Questions in order; a refusal and a device that stops talking sense end them, a service that it lacks does not. Each
 * value is read from the raw reply.
 */
async function ask(
  client: OnvifClient,
  question: { known: boolean; ptz: boolean },
  answer: OnvifAnswer,
): Promise<void> {
  const timeError = await askTime(client, question.known, answer);
  if (timeError === 'away' || timeError === 'auth') {
    answer.error = timeError;
    return;
  }
  // Connecting proves nothing about a password; this question does.
  const told = await client.ask('device', 'GetDeviceInformation');
  if (told.error !== undefined && (told.error === 'auth' || told.fault === undefined)) {
    answer.error = told.error;
    return;
  }
  const information = informationOf(told.xml ?? '');
  if (information !== undefined) answer.information = information;
  await findServices(client);
  const events = client.addresses.get('events');
  if (events !== undefined) answer.events = events;
  if (!(await askProfiles(client, answer))) return;
  const moving = answer.profiles?.find(({ ptz }) => ptz) ?? answer.profiles?.[0];
  if (question.ptz && moving) await askPosition(client, moving.token, answer);
  if (!client.addresses.has('recording')) return;
  const jobs = await client.ask('recording', 'GetRecordingJobs');
  if (jobs.xml !== undefined) answer.records = recordsOf(jobs.xml);
}

/** Anybody may ask for the time (Core §5.9.4.3); a device that tells users alone is asked as one, by our own clock. */
async function askTime(client: OnvifClient, known: boolean, answer: OnvifAnswer) {
  let began = systemClock.utc();
  let reply = await client.ask('device', 'GetSystemDateAndTime', '', 'nobody');
  if (reply.error === 'auth' && known) {
    began = systemClock.utc();
    reply = await client.ask('device', 'GetSystemDateAndTime');
  }
  const theirs = reply.xml === undefined ? undefined : timeOf(reply.xml);
  if (theirs !== undefined) {
    // A whole second, cut off: on average half a second more.
    client.clockOffsetMs = theirs + 500 - (began + systemClock.utc()) / 2;
    answer.clockOffsetMs = client.clockOffsetMs;
  }
  return reply.error;
}

/** By GetServices, and by GetCapabilities where a device from before it, or a careless one, does not name the media. */
async function findServices(client: OnvifClient): Promise<void> {
  const { addresses } = client;
  const inner = '<IncludeCapability>false</IncludeCapability>';
  const services = await client.ask('device', 'GetServices', inner);
  const found = addressesOf(services.xml ?? '');
  if (!found.has('media') && !found.has('media2')) {
    const capabilities = await client.ask('device', 'GetCapabilities', '<Category>All</Category>');
    for (const [service, address] of addressesOf(capabilities.xml ?? ''))
      if (!found.has(service)) found.set(service, address);
  }
  for (const [service, address] of found) addresses.set(service, address);
}

/** By the newer service where there is one. False where the device ended the conversation. */
async function askProfiles(client: OnvifClient, answer: OnvifAnswer): Promise<boolean> {
  const { addresses } = client;
  const services = (['media2', 'media'] as const).filter((service) => addresses.has(service));
  // One that names no service at all has them all in one place; one that names others has none that shows pictures.
  if (addresses.size === 0) services.push('media');
  let error: OnvifAnswer['error'];
  for (const service of services) {
    const newer = service === 'media2';
    const reply = await client.ask(service, 'GetProfiles', newer ? '<Type>All</Type>' : '');
    error = reply.error;
    if (reply.xml === undefined) continue;
    const profiles: NonNullable<OnvifAnswer['profiles']> = profilesOf(reply.xml);
    answer.profiles = profiles;
    if (profiles.length === 0) continue;
    for (const profile of profiles.slice(0, maxUris)) {
      const token = `<ProfileToken>${escaped(profile.token)}</ProfileToken>`;
      const setup = newer ? '<Protocol>RTSP</Protocol>' : streamSetup;
      const { xml } = await client.ask(service, 'GetStreamUri', setup + token);
      // A profile without a stream, such as one of stills, has none.
      const uri = uriOf(xml ?? '');
      if (uri !== undefined) profile.uri = uri;
    }
    return true;
  }
  if (error !== undefined && answer.profiles === undefined) answer.error = error;
  return error === undefined;
}

const schema = 'http://www.onvif.org/ver10/schema';
const streamSetup =
  `<StreamSetup><Stream xmlns="${schema}">RTP-Unicast</Stream>` +
  `<Transport xmlns="${schema}"><Protocol>RTSP</Protocol></Transport></StreamSetup>`;

async function askPosition(client: OnvifClient, profile: string, answer: OnvifAnswer): Promise<void> {
  const token = `<ProfileToken>${escaped(profile)}</ProfileToken>`;
  const status = (await client.ask('ptz', 'GetStatus', token)).xml ?? '';
  const position = positionOf(status);
  if (position === undefined) return;
  answer.position = position;
  const preset = presetAt(status, (await client.ask('ptz', 'GetPresets', token)).xml ?? '');
  if (preset !== undefined) answer.preset = preset;
}
