import { createHash } from 'node:crypto';
import onvif from 'onvif';
import { Authenticator } from '../platform/authenticator.ts';
import type { CappedAgent } from '../platform/capped-agent.ts';
import { systemClock } from '../platform/clock.ts';
import { systemRandom } from '../platform/random.ts';
import { type OnvifService, onDevice, onvifServices } from './onvif-address.ts';
import { answers } from './onvif-notices.ts';
import { isRefusal } from './onvif-xml.ts';

/** What became of one question. */
export interface Reply {
  /** What the device said, where that is an answer to the question, whatever else the library makes of it. */
  xml?: string;
  error?: 'away' | 'auth' | 'broken';
  /** It understood, and said no: another question may be answered. */
  fault?: true;
}

export interface OnvifClient {
  /** Asks as the user, or as nobody. */
  ask(service: OnvifService, operation: string, inner?: string, as?: 'user' | 'nobody'): Promise<Reply>;
  /** Where a service is, as the device states it; without that all are asked where the device service is. */
  addresses: Map<OnvifService, string>;
  /** How far the device's clock is ahead: it refuses a token that its own calls old. */
  clockOffsetMs: number;
}

/** Of one answer; each is small but for a recorder of many channels, whose profiles take 3 kB each. */
const replyMs = 5000;

/** The library's client with callbacks, as the way to a device: its own reading of a reply is not used. */
interface Library {
  on(event: 'rawResponse', listener: (xml: string, status: number) => void): void;
  _passwordDigest(): { passdigest: string; nonce: string; timestamp: string };
  digestAuth(challenges: string[], request: { method: string; path: string }): string;
  _envelopeHeader(): string;
  _envelopeFooter(): string;
  _request(options: { body: string; url: object }, done: (error: unknown) => void): void;
}

/** `credentials` travel as WS-UsernameToken, and as HTTP digest where the device asks for that; never in the clear. */
export function openOnvifClient(
  address: string,
  credentials: { user: string; password: string } | undefined,
  agent: CappedAgent['agent'],
): OnvifClient {
  const device = new URL(address);
  const library = new onvif.Cam({
    hostname: bare(device.hostname),
    port: portOf(device),
    path: device.pathname + device.search,
    useSecure: device.protocol === 'https:',
    // It writes the name into its XML as it is.
    ...(credentials && { username: escaped(credentials.user), password: credentials.password }),
    timeout: replyMs,
    agent,
    autoconnect: false,
  } as never) as unknown as Library;
  const client: OnvifClient = { ask, addresses: new Map(), clockOffsetMs: 0 };
  if (credentials) identify(library, credentials, client);
  let heard = { xml: '', status: 0 };
  library.on('rawResponse', (xml, status) => {
    heard = { xml, status };
  });
  return client;

  async function ask(
    service: OnvifService,
    operation: string,
    inner = '',
    as: 'user' | 'nobody' = 'user',
  ): Promise<Reply> {
    const body =
      (as === 'user' ? library._envelopeHeader() : openHeader) +
      `<${operation} xmlns="${onvifServices[service]}">${inner}</${operation}>${library._envelopeFooter()}`;
    const url = onDevice(client.addresses.get(service) ?? device.href, device.href);
    const reply = await once(url, operation, body);
    // A device behind a router that changes ports states the one it has inside.
    if (reply.error !== 'away' || portOf(url) === portOf(device)) return reply;
    url.port = device.port;
    return await once(url, operation, body);
  }

  async function once(url: URL, operation: string, body: string): Promise<Reply> {
    heard = { xml: '', status: 0 };
    const path = url.pathname + url.search;
    const request = { hostname: bare(url.hostname), port: portOf(url), path, agent, timeout: replyMs };
    const error = await new Promise<unknown>((resolve) => library._request({ body, url: request }, resolve));
    const { xml, status } = heard;
    if (answers(xml, operation)) return { xml };
    return {
      error: causeOf(error, xml, status),
      ...(/<(?:[\w.-]+:)?Fault[\s>]/.test(xml) && { fault: true }),
    };
  }
}

const openHeader =
  '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body' +
  ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">';

/**
 * The library's own token loses letters beyond ASCII, and is dated 1970 for a device that tells its time to users alone;
 * its digest takes the name as XML has it, and knows neither every way to offer `qop` nor every hash.
 */
function identify(
  library: Library,
  credentials: { user: string; password: string },
  client: Pick<OnvifClient, 'clockOffsetMs'>,
): void {
  library._passwordDigest = () => {
    const nonce = systemRandom.bytes(16);
    const timestamp = new Date(systemClock.utc() + client.clockOffsetMs).toISOString();
    const hash = createHash('sha1').update(nonce).update(timestamp).update(credentials.password);
    return { passdigest: hash.digest('base64'), nonce: nonce.toString('base64'), timestamp };
  };
  library.digestAuth = (challenges, { method, path }) => {
    const digest = new Authenticator(credentials, systemRandom, { basic: false });
    const value = digest.challenged(challenges, false) ? digest.authorise(method, path) : undefined;
    if (value === undefined) throw new Error('Digest authentication of a kind that nobody knows');
    return value;
  };
}

function causeOf(error: unknown, raw: string, status: number): 'away' | 'auth' | 'broken' {
  const { message = '', code = '' } = (error ?? {}) as { message?: string; code?: string };
  if (status === 401 || status === 403 || isRefusal(raw) || /authoriz|authenticat/i.test(message))
    return 'auth';
  if (raw !== '') return 'broken';
  // A reset in the middle of a reply is no absence.
  return message === 'Network timeout' ||
    /^(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)$/.test(code)
    ? 'away'
    : 'broken';
}

/** Without the brackets of an IPv6 address. */
function bare(hostname: string): string {
  return hostname.replaceAll(/[[\]]/g, '');
}

function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
}

/** As text of an element. */
export function escaped(text: string): string {
  return text.replaceAll(/[&<>]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
