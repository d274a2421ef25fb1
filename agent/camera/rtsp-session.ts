import { Failure } from '#protocol/failure.ts';
import type { Carrier } from './carrier.ts';
import type { Response, RtspClient } from './rtsp-client.ts';
import { baseUrl, controlUrls, parseRtspUrl, type RtspUrl } from './rtsp-url.ts';

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

/** Step 2: what it offers, or where else to ask. Throws `stream-error` for any other answer. */
export async function describe(client: RtspClient, url: RtspUrl): Promise<Response | { elsewhere: RtspUrl }> {
  const answer = await client.request('DESCRIBE', url.origin + url.path, [['Accept', 'application/sdp']]);
  if (answer.status === 200) return answer;
  const location = answer.headers.get('location');
  if (answer.status < 300 || answer.status >= 400 || location === undefined)
    throw refusal('DESCRIBE', answer);
  try {
    return { elsewhere: parseRtspUrl(location) };
  } catch (cause) {
    throw new Failure('transient', 'stream-error', 'the camera redirects to no RTSP address', { cause });
  }
}

/** What a session description says that a session is asked for by. */
export interface Controls {
  session: string | undefined;
  track: string | undefined;
}

/** Steps 3 and 4: sets up one track alone, in the way of `carrier`, and plays it. */
export async function setUpAndPlay(
  client: RtspClient,
  url: RtspUrl,
  answer: Response,
  controls: Controls,
  known: ReadonlySet<string>,
  carrier: Carrier,
): Promise<Playing> {
  const { headers } = answer;
  const base = baseUrl(url, headers.get('content-base') ?? headers.get('content-location'));
  const trackUrls = controlUrls(url, base, controls.track);
  const setUp = await firstAccepted(client, 'SETUP', trackUrls, [['Transport', carrier.ask]]);
  const [id = '', ...options] = (setUp.response.headers.get('session') ?? '').split(';');
  if (id.trim() !== '') client.session = id.trim().slice(0, 256);
  const timeout = options.map((option) => /^\s*timeout\s*=\s*(\d{1,6})/i.exec(option)?.[1]).find(Boolean);
  await carrier.accepted((setUp.response.headers.get('transport') ?? '').slice(0, 1024));
  const playUrls = [...controlUrls(url, base, controls.session), url.origin + url.path, setUp.url];
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

function refusal(method: string, { status, reason }: Response): Failure {
  return new Failure('transient', 'stream-error', `the camera answers ${method} with ${status} ${reason}`);
}
