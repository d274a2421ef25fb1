import { randomBytes, randomInt } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Listener } from './broadcast.ts';
import type { LiveCamera } from './camera.ts';
import { type Delivery, interleaved, type UdpPair, unicast } from './delivery.ts';
import { type Gate, openGate } from './digest.ts';
import { type RtspRequest, rtspReader } from './rtsp-message.ts';
import { describe } from './sdp.ts';

/** What a connection needs of the server it came to. */
export interface Door {
  /** The camera a URL means, and what follows its path (`/trackID=0`). */
  find(uri: string): { camera: LiveCamera; rest: string } | undefined;
  udp(): Promise<UdpPair>;
  /** Adds and removes whom RTCP over UDP from this address and port belongs to. */
  reports(address: string, port: number, heard: (() => void) | undefined): void;
}

interface Session {
  id: string;
  camera: LiveCamera;
  video: Delivery | undefined;
  audio: Delivery | undefined;
  playing: Listener | undefined;
  expiry: NodeJS.Timeout | undefined;
  ends: (() => void)[];
}

const sentences: Record<number, string> = {
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  454: 'Session Not Found',
  455: 'Method Not Valid in This State',
  461: 'Unsupported Transport',
  501: 'Not Implemented',
  503: 'Service Unavailable',
};

/** One RTSP connection (RFC 2326): requests in order, one session, media on the same connection or over UDP. */
export function serve(socket: Socket, door: Door): void {
  let session: Session | undefined;
  let gate: Gate | undefined;
  let known: LiveCamera | undefined;
  /** Answers leave in the order of the requests, though SETUP over UDP waits for a port. */
  let turn: Promise<void> = Promise.resolve();

  const endSession = (): void => {
    if (!session) return;
    const { camera, playing, video, audio, expiry, ends } = session;
    session = undefined;
    clearTimeout(expiry);
    if (playing) {
      camera.broadcast.leave(playing);
      camera.counters.playing -= 1;
    }
    video?.close();
    audio?.close();
    for (const end of ends) end();
  };

  const timeoutSeconds = (camera: LiveCamera): number => camera.options.sessionTimeoutSeconds ?? 60;
  const refreshed = (): void => {
    const current = session;
    if (!current) return;
    clearTimeout(current.expiry);
    current.expiry = setTimeout(() => {
      current.camera.counters.sessionsExpired += 1;
      endSession();
      socket.destroy();
    }, timeoutSeconds(current.camera) * 1000);
  };

  const answer = (
    request: RtspRequest,
    status: number,
    headers: readonly [string, string][] = [],
    body = '',
  ): void => {
    const lines = [
      `RTSP/1.0 ${status} ${sentences[status]}`,
      `CSeq: ${request.headers['cseq'] ?? '0'}`,
      ...headers.map(([name, value]) => `${name}: ${value}`),
    ];
    if (body !== '') lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
    if (!socket.destroyed) socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  };

  const authorised = (request: RtspRequest, camera: LiveCamera): boolean => {
    const { user, realm, schemes, qop, nonceUses, challengesInOneHeader } = camera.options;
    if (user === undefined || camera.password === undefined) return true;
    gate ??= openGate({
      realm: realm ?? 'Simulated camera',
      schemes: schemes ?? ['MD5'],
      qop: qop ?? false,
      nonceUses,
      oneHeader: challengesInOneHeader ?? false,
    });
    const account = { user, password: camera.password };
    const verdict = gate.check(request.method, request.uri, request.headers['authorization'], account);
    if (verdict === 'ok') return true;
    camera.counters.unauthorised += 1;
    answer(
      request,
      401,
      verdict.map((challenge) => ['WWW-Authenticate', challenge]),
    );
    return false;
  };

  const answerDescribe = (request: RtspRequest, camera: LiveCamera): void => {
    const base = camera.base();
    const { contentBase, control, announced } = camera.options;
    const bases = {
      right: `${base}/`,
      relative: `${camera.options.path.slice(camera.options.path.lastIndexOf('/') + 1)}/`,
      'wrong-host': `${base.replace(/^rtsp:\/\/[^/]*/, 'rtsp://192.0.2.1:554')}/`,
    };
    const headers: [string, string][] = [['Content-Type', 'application/sdp']];
    if (contentBase !== 'missing') headers.push(['Content-Base', bases[contentBase ?? 'right']]);
    const sdp = describe(camera.clip, {
      offer: camera.offers,
      audio: camera.audio,
      parameterSets: announced ?? 'right',
      control: control ?? 'relative',
      base,
      frameRate: camera.frameRate(),
    });
    answer(request, 200, headers, sdp);
  };

  const setUp = async (request: RtspRequest, camera: LiveCamera, rest: string): Promise<void> => {
    const wantsAudio = /(?:^|\/)trackID=1$/.test(rest);
    if (rest !== '' && !/^\/?(?:trackID=[01])?$/.test(rest)) return answer(request, 404);
    if (wantsAudio) camera.counters.audioSetUps += 1;
    if (session && request.headers['session']?.split(';')[0] !== session.id) return answer(request, 454);
    const chosen = chooseTransport(request.headers['transport'] ?? '', camera);
    if (!chosen) return answer(request, 461);
    const source = camera.broadcast.source().toString(16).padStart(8, '0').toUpperCase();
    const bytesPerMs = (camera.options.linkMbit || Number.POSITIVE_INFINITY) * 125;
    const ends: (() => void)[] = [];
    let delivery: Delivery;
    let transport: string;
    if (chosen.kind === 'tcp') {
      const shift = camera.options.otherChannels ? 4 : 0;
      const [rtp, rtcp] = [chosen.first + shift, chosen.second + shift];
      delivery = interleaved(socket, { rtp, rtcp }, bytesPerMs, () =>
        camera.garbageBytes > 0 ? noise(camera.garbageBytes) : undefined,
      );
      transport = `RTP/AVP/TCP;unicast;interleaved=${rtp}-${rtcp};ssrc=${source}`;
    } else {
      const pair = await door.udp();
      const address = socket.remoteAddress;
      if (address === undefined || socket.destroyed) return;
      if (chosen.kind === 'multicast') {
        // Stays on this machine; a group of its own for every session.
        const group = `239.255.${randomInt(1, 255)}.${randomInt(1, 255)}`;
        for (const udp of [pair.rtp, pair.rtcp]) {
          udp.setMulticastInterface(socket.localAddress as string);
          udp.setMulticastTTL(0);
        }
        [chosen.first, chosen.second] = [pair.rtpPort, pair.rtpPort + 1];
        delivery = unicast(
          pair,
          { address: group, rtpPort: chosen.first, rtcpPort: chosen.second },
          bytesPerMs,
        );
        transport = `RTP/AVP;multicast;destination=${group};port=${chosen.first}-${chosen.second};ttl=0;ssrc=${source}`;
      } else {
        const client = { address, rtpPort: chosen.first, rtcpPort: chosen.second };
        delivery = unicast(pair, client, bytesPerMs);
        const ports = `client_port=${chosen.first}-${chosen.second};server_port=${pair.rtpPort}-${pair.rtpPort + 1}`;
        transport = `RTP/AVP;unicast;${ports};ssrc=${source}`;
      }
      door.reports(address, chosen.second, () => {
        camera.counters.receiverReports += 1;
        refreshed();
      });
      ends.push(() => door.reports(address, chosen.second, undefined));
    }
    camera.counters.lastTransport = chosen.kind;
    session ??= {
      id: randomBytes(8).toString('hex'),
      camera,
      video: undefined,
      audio: undefined,
      playing: undefined,
      expiry: undefined,
      ends: [],
    };
    session.ends.push(...ends);
    if (wantsAudio) session.audio = delivery;
    else session.video = delivery;
    refreshed();
    answer(request, 200, [
      ['Transport', transport],
      ['Session', `${session.id};timeout=${timeoutSeconds(camera)}`],
    ]);
  };

  const play = (request: RtspRequest, current: Session): void => {
    const { camera, video, audio } = current;
    if (!current.playing) {
      current.playing = {
        frame(bytes, starts) {
          if (video && !video.media(bytes, starts)) camera.counters.framesDropped += 1;
        },
        report: (packet) => video?.report(packet),
        audio: audio && ((packet) => audio.packet(packet)),
      };
      camera.counters.sessions += 1;
      camera.counters.playing += 1;
      // Packets leave from a timer: never before the answer below.
      camera.broadcast.listen(current.playing);
    }
    const { sequence, timestamp } = camera.broadcast.next();
    answer(request, 200, [
      ['Session', current.id],
      ['Range', 'npt=now-'],
      ['RTP-Info', `url=${camera.base()}/trackID=0;seq=${sequence};rtptime=${timestamp}`],
    ]);
  };

  const handle = async (request: RtspRequest): Promise<void> => {
    const { method } = request;
    const found = door.find(request.uri);
    const camera = found?.camera ?? known;
    if (camera?.unplugged) return void socket.destroy();
    if (!camera) return answer(request, method === 'OPTIONS' ? 200 : 404, [['Public', 'OPTIONS, DESCRIBE']]);
    if (known !== camera) {
      known = camera;
      camera.counters.connections += 1;
      camera.sockets.add(socket);
    }
    camera.counters.requests[method] = (camera.counters.requests[method] ?? 0) + 1;
    camera.counters.lastUserAgent = request.headers['user-agent'] ?? camera.counters.lastUserAgent;
    if (camera.refusing && ['DESCRIBE', 'SETUP', 'PLAY'].includes(method)) return answer(request, 503);
    if (method !== 'OPTIONS' && !authorised(request, camera)) return;
    refreshed();
    switch (method) {
      case 'OPTIONS': {
        const getParameter = camera.options.noGetParameter ? '' : ', GET_PARAMETER';
        return answer(request, 200, [
          ['Public', `OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN${getParameter}`],
        ]);
      }
      case 'DESCRIBE':
        return answerDescribe(request, camera);
      case 'SETUP':
        return setUp(request, camera, found?.rest ?? '');
      case 'PLAY':
      case 'PAUSE':
      case 'GET_PARAMETER':
      case 'TEARDOWN': {
        if (method === 'GET_PARAMETER' && camera.options.noGetParameter) return answer(request, 501);
        // GET_PARAMETER without a session is a ping (RFC 2326 §10.8).
        const id = request.headers['session']?.split(';')[0];
        if (method === 'GET_PARAMETER' && id === undefined) return answer(request, 200);
        if (!session || id !== session.id) return answer(request, 454);
        if (method === 'PLAY') return play(request, session);
        if (method === 'PAUSE' && session.playing) {
          camera.broadcast.leave(session.playing);
          camera.counters.playing -= 1;
          session.playing = undefined;
        }
        const headers: [string, string][] = [['Session', session.id]];
        if (method === 'TEARDOWN') {
          endSession();
          if (camera.options.neverAnswersTeardown) return;
        }
        return answer(request, 200, headers);
      }
      default:
        return answer(request, 501);
    }
  };

  const reader = rtspReader(
    (request) => {
      turn = turn.then(() => handle(request));
    },
    () => {
      if (known) known.counters.receiverReports += 1;
      refreshed();
    },
  );
  socket.setNoDelay(true);
  socket.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk);
    } catch {
      socket.end('RTSP/1.0 400 Bad Request\r\n\r\n');
    }
  });
  socket.on('error', () => {}); // A client that goes away without TEARDOWN is a client's right.
  socket.on('close', () => {
    endSession();
    known?.sockets.delete(socket);
  });
}

interface Chosen {
  kind: 'tcp' | 'udp' | 'multicast';
  /** Channels or client ports of RTP and RTCP. */
  first: number;
  second: number;
}

/** The first of the client's alternatives that the camera allows (RFC 2326 §12.39). */
function chooseTransport(header: string, camera: LiveCamera): Chosen | undefined {
  const allowed = camera.options.transports ?? ['tcp', 'udp'];
  for (const spec of header.split(',')) {
    const parts = spec.trim().split(';');
    if (parts.includes('multicast')) {
      if (!allowed.includes('multicast')) continue;
      return { kind: 'multicast', first: 0, second: 0 };
    }
    const kind =
      parts[0] === 'RTP/AVP/TCP' ? 'tcp' : /^RTP\/AVP(?:\/UDP)?$/.test(parts[0] ?? '') ? 'udp' : undefined;
    if (!kind || !allowed.includes(kind)) continue;
    const name = kind === 'tcp' ? 'interleaved' : 'client_port';
    const match = new RegExp(`(?:^|;)${name}=(\\d{1,5})(?:-(\\d{1,5}))?`).exec(spec.trim());
    if (!match) {
      if (kind === 'udp') continue;
      return { kind, first: 0, second: 1 };
    }
    const first = Number(match[1]);
    const second = match[2] === undefined ? first + 1 : Number(match[2]);
    if (first > (kind === 'tcp' ? 255 : 65_535) || second > (kind === 'tcp' ? 255 : 65_535)) continue;
    return { kind, first, second };
  }
  return undefined;
}

/** Bytes that begin neither a packet nor an answer. */
function noise(size: number): Buffer {
  const bytes = randomBytes(size);
  for (let i = 0; i < size; i++) if (bytes[i] === 0x24 || bytes[i] === 0x52) bytes[i] = 0;
  return bytes;
}
