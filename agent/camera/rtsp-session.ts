import { Failure } from '#protocol/failure.ts';
import { h264 } from './h264.ts';
import type { Codec } from './nal.ts';
import type { Response, RtspClient } from './rtsp-client.ts';
import { baseUrl, controlUrls, type RtspUrl } from './rtsp-url.ts';
import { type Format, type Medium, offered, parseSdp } from './sdp.ts';

/** The one track that is recorded, as the camera described it. */
export interface ChosenTrack {
  codec: Codec;
  payloadType: number;
  clockRate: number;
  control: string | undefined;
  sessionControl: string | undefined;
  /** Everything else on offer. */
  others: string[];
}

export interface Playing {
  /** What PLAY was sent to; keep-alive and TEARDOWN go there too. */
  url: string;
  /** Until the camera forgets a silent client (RFC 2326 §12.37). */
  timeoutMs: number;
  /** The camera says that it understands GET_PARAMETER. */
  getParameter: boolean;
}

const defaultTimeoutMs = 60_000;

/** Step 1: what the camera understands. A camera that refuses OPTIONS may still answer the rest. */
export async function methods(client: RtspClient, url: RtspUrl): Promise<Set<string>> {
  const answer = await client.request('OPTIONS', url.origin + url.path);
  const stated = answer.headers.all('public').join(',');
  return new Set(stated.split(',').map((word) => word.trim().toUpperCase()));
}

/** Step 2: what it offers. The answer may also be a redirect, which is the caller's. */
export function describe(client: RtspClient, url: RtspUrl): Promise<Response> {
  return client.request('DESCRIBE', url.origin + url.path, [['Accept', 'application/sdp']]);
}

/** Step 3: chooses the first video track that can be recorded. Throws `unsupported-codec`, naming what there is. */
export function chooseTrack(answer: Response): ChosenTrack {
  const session = parseSdp(answer.body);
  for (const medium of session.media)
    for (const format of medium.kind === 'video' && medium.plain ? medium.formats : []) {
      const codec = codecOf(format);
      if (!codec) continue;
      return {
        codec,
        payloadType: format.payloadType,
        clockRate: believedRate(format),
        control: medium.control,
        others: others(session.media, medium, format),
        sessionControl: session.control,
      };
    }
  const list = offered(session.media).join(', ').slice(0, 200) || 'nothing';
  throw new Failure('transient', 'unsupported-codec', `no H.264 video: the camera offers ${list}`);
}

function others(media: Medium[], chosen: Medium, chosenFormat: Format): string[] {
  return offered(
    media.map((medium) =>
      medium === chosen
        ? { ...medium, formats: medium.formats.filter((one) => one !== chosenFormat) }
        : medium,
    ),
  );
}

/** RFC 6184 §8.2.1 and RFC 7798 §7.1 allow 90 kHz alone; a camera that states another may use it, within reason. */
function believedRate({ clockRate }: Format): number {
  return clockRate >= 1000 && clockRate <= 1_000_000 ? clockRate : 90_000;
}

function codecOf(format: Format): Codec | undefined {
  const { parameters } = format;
  if (format.encoding.toUpperCase() !== 'H264' || parameters.get('packetization-mode') === '2')
    return undefined;
  const codec = h264();
  for (const part of (parameters.get('sprop-parameter-sets') ?? '').slice(0, 8192).split(',')) {
    const unit = Buffer.from(part.trim(), 'base64');
    if (unit.length > 0) codec.sets.offer(unit, 'sdp');
  }
  return codec;
}

/** Steps 4 and 5: sets up that track alone, interleaved, and plays it. `prepared` is told the channels before PLAY. */
export async function setUpAndPlay(
  client: RtspClient,
  url: RtspUrl,
  answer: Response,
  track: ChosenTrack,
  known: ReadonlySet<string>,
  prepared: (rtpChannel: number, rtcpChannel: number) => void,
): Promise<Playing> {
  const { headers } = answer;
  const base = baseUrl(url, headers.get('content-base') ?? headers.get('content-location'));
  const trackUrls = controlUrls(url, base, track.control);
  const transport = [['Transport', 'RTP/AVP/TCP;unicast;interleaved=0-1']] as const;
  const setUp = await firstAccepted(client, 'SETUP', trackUrls, transport);
  const stated = setUp.response.headers.get('transport') ?? '';
  if (stated !== '' && !/TCP/i.test(stated))
    throw new Failure('transient', 'stream-error', 'the camera does not offer RTP over TCP');
  const [, rtp = '0', rtcp] = /interleaved=(\d{1,3})(?:-(\d{1,3}))?/i.exec(stated) ?? [];
  const rtpChannel = Number(rtp) & 0xff;
  const rtcpChannel = rtcp === undefined ? (rtpChannel + 1) & 0xff : Number(rtcp) & 0xff;
  const [id = '', ...options] = (setUp.response.headers.get('session') ?? '').split(';');
  if (id.trim() !== '') client.session = id.trim().slice(0, 256);
  const timeout = options.map((option) => /^\s*timeout\s*=\s*(\d{1,6})/i.exec(option)?.[1]).find(Boolean);
  prepared(rtpChannel, rtcpChannel);
  const playUrls = [...controlUrls(url, base, track.sessionControl), setUp.url];
  const play = await firstAccepted(client, 'PLAY', [...new Set(playUrls)], [['Range', 'npt=0.000-']]);
  // A camera that says 0 means never; one that says 1 would have us ask twice a second.
  const timeoutMs = timeout === undefined || timeout === '0' ? defaultTimeoutMs : Number(timeout) * 1000;
  return { url: play.url, timeoutMs, getParameter: known.has('GET_PARAMETER') };
}

/** Tries the next meaning of a control while the camera says that it knows none such (4xx). */
async function firstAccepted(
  client: RtspClient,
  method: string,
  urls: string[],
  fields: readonly (readonly [string, string])[],
): Promise<{ url: string; response: Response }> {
  let refused: Failure | undefined;
  for (const url of urls) {
    const response = await client.request(method, url, fields);
    if (response.status === 200) return { url, response };
    refused ??= refusal(method, response);
    if (response.status < 400 || response.status >= 500) break;
  }
  throw refused ?? new Error('no address to try');
}

export function refusal(method: string, { status, reason }: Response): Failure {
  return new Failure('transient', 'stream-error', `the camera answers ${method} with ${status} ${reason}`);
}
