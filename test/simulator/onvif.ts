import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ChallengeOptions, openGate } from './digest.ts';
import { type OnvifEvent, openSubscriptions } from './onvif-events.ts';
import { type DeviceFacts, envelope, fault, type OnvifProfile, reply } from './onvif-replies.ts';

export type { OnvifEvent } from './onvif-events.ts';
export type { OnvifProfile } from './onvif-replies.ts';

export interface OnvifOptions extends Partial<Omit<DeviceFacts, 'profiles'>> {
  port?: number;
  host?: string;
  /** Both, or the device asks nobody. */
  user?: string;
  password?: string;
  /** Asks for HTTP digest instead of WS-UsernameToken (Core §5.9.1). */
  digest?: Partial<ChallengeOptions>;
  /** Profiles in full, or the stream of the one it has. */
  profiles?: readonly OnvifProfile[];
  streamUri?: string;
}

/** An ONVIF device service (Core and Media, ver10) with faults on command. */
export interface OnvifDevice extends AsyncDisposable {
  /** `http://host:port/onvif/device_service` */
  readonly url: string;
  /** Requests answered, by operation. */
  requests(): Record<string, number>;
  /** Requests refused for their credentials. */
  unauthorised(): number;
  setPassword(password: string): void;
  /** The device's clock is this far ahead of ours. */
  offsetClock(ms: number): void;
  /** Waits before every reply; Infinity never replies. */
  delay(ms: number): void;
  /** Sends this many bytes ten times a second; 0 ends it. */
  drip(bytes: number): void;
  /** Cuts the connection in the middle of every reply. */
  cut(on: boolean): void;
  /** Blows every reply up with so many bytes of XML. */
  swell(bytes: number): void;
  /** Says so to everybody who listens, now and at each new subscription. */
  tell(event: OnvifEvent): void;
  /** Turns every subscription away, or asks for one there is not. */
  refuseSubscriptions(on: boolean): void;
  /** Forgets every subscription, as after a restart. */
  dropSubscriptions(): void;
  /** Subscriptions that live. */
  subscriptions(): number;
  /** Answers every question with these bytes. */
  babble(body: string | undefined): void;
  close(): Promise<void>;
}

/** No ONVIF request comes near. */
const maxRequestBytes = 64 * 1024;
/** How far a token's `Created` may be from the device's clock (WS-UsernameToken profile: replay). */
const tokenAgeMs = 5 * 60_000;
/** Answered without credentials: access class PRE_AUTH, ONVIF Core §5.9.4.3. */
const preAuth = new Set(['GetSystemDateAndTime', 'GetServices', 'GetCapabilities']);

export async function startOnvifDevice(options: OnvifOptions = {}): Promise<OnvifDevice> {
  const host = options.host ?? '127.0.0.1';
  const facts: DeviceFacts = {
    manufacturer: options.manufacturer ?? 'Simulated & Sons',
    model: options.model ?? 'Walkers 1',
    // Both lose digits in a client that reads them as numbers.
    firmware: options.firmware ?? '5.10',
    serial: options.serial ?? '12345678901234567890',
    hardwareId: options.hardwareId ?? '1.0',
    position: options.position,
    presets: options.presets,
    recordingJobs: options.recordingJobs,
    events: options.events,
    profiles: options.profiles ?? [
      {
        token: 'profile_1',
        source: 'video_source_1',
        streamUri: options.streamUri ?? 'rtsp://127.0.0.1/cam-1',
        width: 768,
        height: 576,
        frameRate: 10,
        encoding: 'H264',
        audio: false,
      },
    ],
  };
  let password = options.password;
  let clockOffsetMs = 0;
  let delayMs = 0;
  let dripBytes = 0;
  let cutting = false;
  let swollenBytes = 0;
  let babbled: string | undefined;
  let unauthorised = 0;
  const subscriptions = openSubscriptions();
  const counted: Record<string, number> = {};
  const gate =
    options.digest &&
    openGate({ realm: 'IP "Camera", 1', schemes: ['MD5'], qop: true, oneHeader: false, ...options.digest });
  const usedNonces = new Set<string>();
  const timers = new Set<NodeJS.Timeout>();

  const later = (ms: number, then: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      then();
    }, ms);
    timers.add(timer);
  };

  /** WS-UsernameToken with a digest: Base64(SHA-1(nonce + created + password)), each nonce once. */
  const authorised = (request: string): boolean => {
    if (options.user === undefined || password === undefined || gate !== undefined) return true;
    const field = (name: string): string | undefined =>
      new RegExp(`<(?:\\w+:)?${name}[^>]*>([^<]*)</(?:\\w+:)?${name}>`)
        .exec(request)?.[1]
        ?.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
    const [user, digest, nonce, created] = ['Username', 'Password', 'Nonce', 'Created'].map(field);
    if (user !== options.user || digest === undefined || nonce === undefined || created === undefined)
      return false;
    const ageMs = Math.abs(Date.parse(created) - (Date.now() + clockOffsetMs));
    if (!(ageMs <= tokenAgeMs) || usedNonces.has(nonce)) return false;
    const expected = createHash('sha1')
      .update(Buffer.from(nonce, 'base64'))
      .update(created + password)
      .digest('base64');
    if (digest !== expected) return false;
    usedNonces.add(nonce);
    return true;
  };

  const answerTo = (request: string, address: string): { status: number; body: string } => {
    const operation = /<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)/.exec(request)?.[1];
    if (operation === undefined)
      return { status: 400, body: fault('Sender', 'WellFormed', 'no operation in the body') };
    counted[operation] = (counted[operation] ?? 0) + 1;
    if (!preAuth.has(operation) && !authorised(request)) {
      unauthorised += 1;
      return { status: 400, body: fault('Sender', 'NotAuthorized', 'Sender not authorized') };
    }
    const inner = reply(operation, request, facts, Date.now() + clockOffsetMs, address);
    if (inner === undefined)
      return { status: 500, body: fault('Receiver', 'ActionNotSupported', `no ${operation} here`) };
    const bulk = swollenBytes > 0 ? `<tt:Extension>${'<a/>'.repeat(swollenBytes / 4)}</tt:Extension>` : '';
    return { status: 200, body: envelope(inner + bulk) };
  };

  /** Of the event service: an answer, or nothing yet. */
  const eventAnswer = async (
    request: string,
    path: string,
  ): Promise<{ status: number; body: string } | undefined> => {
    const operation = /<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)/.exec(request)?.[1] ?? '';
    counted[operation] = (counted[operation] ?? 0) + 1;
    if (!authorised(request)) {
      unauthorised += 1;
      return { status: 400, body: fault('Sender', 'NotAuthorized', 'Sender not authorized') };
    }
    const inner = await subscriptions.answer(
      operation,
      request,
      path,
      new URL(url).origin,
      Date.now() + clockOffsetMs,
    );
    return inner === undefined
      ? { status: 500, body: fault('Receiver', 'InvalidArgVal', `no ${operation} here`) }
      : { status: 200, body: envelope(inner) };
  };

  const send = (response: ServerResponse, status: number, body: string): void => {
    const bytes = Buffer.from(body);
    response.writeHead(status, {
      'Content-Type': 'application/soap+xml; charset=utf-8',
      'Content-Length': bytes.length,
    });
    if (cutting) {
      response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
    } else if (dripBytes > 0) {
      const step = (at: number): void => {
        if (response.destroyed) return;
        response.write(bytes.subarray(at, at + dripBytes));
        if (at + dripBytes >= bytes.length) response.end();
        else later(100, () => step(at + dripBytes));
      };
      step(0);
    } else response.end(bytes);
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxRequestBytes) return void response.writeHead(413).end();
    }
    const path = request.url ?? '';
    const ofEvents = facts.events === true && /^\/onvif\/(?:events|subscription)/.test(path);
    if (request.method !== 'POST' || (path !== '/onvif/device_service' && !ofEvents))
      return void response.writeHead(404).end();
    const asked = Buffer.concat(chunks).toString();
    const open = gate === undefined || [...preAuth].some((operation) => asked.includes(`<${operation} `));
    const account = { user: options.user ?? '', password: password ?? '' };
    const passed = open ? 'ok' : gate.check('POST', path, request.headers.authorization, account);
    if (passed !== 'ok') {
      if (request.headers.authorization !== undefined) unauthorised += 1;
      return void response.writeHead(401, { 'WWW-Authenticate': passed, 'Content-Length': 0 }).end();
    }
    const answer = ofEvents ? await eventAnswer(asked, path) : answerTo(asked, url);
    if (answer === undefined) return;
    const status = babbled === undefined ? answer.status : 200;
    const bulk = swollenBytes > 0 ? '<a/>'.repeat(swollenBytes / 4) : '';
    const body =
      babbled ??
      (ofEvents ? answer.body.replace('</SOAP-ENV:Body>', `${bulk}</SOAP-ENV:Body>`) : answer.body);
    if (delayMs === Number.POSITIVE_INFINITY) return;
    if (delayMs > 0) later(delayMs, () => send(response, status, body));
    else send(response, status, body);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy()); // The client went away while it was asking.
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const url = `http://${host}:${(server.address() as AddressInfo).port}/onvif/device_service`;
  const close = async (): Promise<void> => {
    for (const timer of timers) clearTimeout(timer);
    subscriptions.close();
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    server.closeAllConnections();
    await closed;
  };
  return {
    url,
    requests: () => ({ ...counted }),
    unauthorised: () => unauthorised,
    setPassword(value) {
      password = value;
    },
    offsetClock(ms) {
      clockOffsetMs = ms;
    },
    delay(ms) {
      delayMs = ms;
    },
    drip(bytes) {
      dripBytes = bytes;
    },
    cut(on) {
      cutting = on;
    },
    swell(bytes) {
      swollenBytes = bytes;
    },
    tell: subscriptions.tell,
    refuseSubscriptions: subscriptions.refuse,
    dropSubscriptions: subscriptions.drop,
    subscriptions: subscriptions.count,
    babble(body) {
      babbled = body;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
