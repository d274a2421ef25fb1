import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type Broadcast, openBroadcast } from './broadcast.ts';
import { type Clip, loadClip, videoClock } from './clip.ts';
import type { DigestAlgorithm } from './digest.ts';
import { type PacketFrame, type PacketQuirks, packetise } from './packetise.ts';
import type { SdpOptions } from './sdp.ts';

export const walkers = join(import.meta.dirname, '..', 'fixtures', 'walkers.mp4');

/** Ways in which real cameras differ, each off unless asked for. */
export interface Quirks extends PacketQuirks {
  /** What is offered in a 401, in this order (default MD5 alone). */
  schemes?: readonly (DigestAlgorithm | 'Basic')[];
  realm?: string;
  qop?: boolean;
  /** Requests until a nonce is stale. */
  nonceUses?: number;
  challengesInOneHeader?: boolean;
  contentBase?: 'right' | 'missing' | 'relative' | 'wrong-host';
  control?: SdpOptions['control'];
  /** Parameter sets in front of every keyframe (default) or only in the SDP. */
  inBand?: boolean;
  announced?: SdpOptions['parameterSets'];
  /** Answers an interleaved SETUP with other channels than asked for. */
  otherChannels?: boolean;
  /** Knows OPTIONS, not GET_PARAMETER. */
  noGetParameter?: boolean;
  neverAnswersTeardown?: boolean;
  /** Seconds without a request until a session ends (RFC 2326 §12.37); default 60. */
  sessionTimeoutSeconds?: number;
  senderReports?: 'right' | 'jumping' | 'none';
  loseEvery?: number;
  swapEvery?: number;
  repeatEvery?: number;
  firstSequence?: number;
  firstTimestamp?: number;
  /** Bytes of nothing in front of every frame of an interleaved stream. */
  garbageBytes?: number;
}

export interface CameraOptions extends Quirks {
  /** `/cam-1`; may hold a query, as NVRs use for their channels. */
  path: string;
  /** An MP4 with H.264 or H.265 (default walkers.mp4). */
  file?: string;
  /** Both, or the camera asks nobody. */
  user?: string;
  password?: string;
  /** Fill the stream up to so many 10^6 bits per second. */
  mbit?: number;
  /** Pictures a second, instead of the file's own rate. */
  frameRate?: number;
  /** 10^6 bits per second of the camera's network port, which spreads the packets of a picture (default 100; 0: at once). */
  linkMbit?: number;
  /** What SETUP allows (default TCP and UDP). */
  transports?: readonly ('tcp' | 'udp' | 'multicast')[];
  /** The clip without its first group of pictures: of one with intra refresh, no IDR is ever sent. */
  neverIdr?: boolean;
  /** Offer G.711 beside the video. */
  audio?: boolean;
  /** Listens on a port of its own, so that unplugging it refuses the TCP connection itself. */
  ownPort?: boolean;
  startAtSeconds?: number;
  /** The clip begins when the first client plays. */
  fromStart?: boolean;
}

export interface CameraCounters {
  /** RTSP connections that asked for this camera. */
  connections: number;
  /** PLAY requests obeyed, in all. */
  sessions: number;
  playing: number;
  packetsSent: number;
  bytesSent: number;
  /** Frames not sent because a client did not read. */
  framesDropped: number;
  /** SETUPs of the audio track: nobody should. */
  audioSetUps: number;
  /** Requests answered with 401. */
  unauthorised: number;
  sessionsExpired: number;
  /** RTCP packets that came from clients. */
  receiverReports: number;
  requests: Record<string, number>;
  lastUserAgent: string | undefined;
  lastTransport: 'tcp' | 'udp' | 'multicast' | undefined;
}

/** One simulated camera, with its faults on command. */
export interface SimulatedCamera {
  /** Without credentials. */
  readonly url: string;
  readonly clip: Clip;
  counters(): CameraCounters;
  stopSending(): void;
  resumeSending(): void;
  /** Cuts every connection; new ones are welcome. */
  closeConnections(): void;
  /** Answers every new DESCRIBE, SETUP and PLAY with 503. */
  refuse(): void;
  accept(): void;
  setPassword(password: string): void;
  /** Cuts every connection and lets none in. */
  unplug(): Promise<void>;
  plug(): Promise<void>;
  /** Whether the next DESCRIBE offers audio. */
  microphone(on: boolean): void;
  /** What DESCRIBE says from now on. */
  offer(what: SdpOptions['offer']): void;
  /** Bytes of nothing between frames of interleaved streams; 0 ends it. */
  garbage(bytes: number): void;
  lose(packets: number): void;
  jumpTimestamp(ms: number): void;
  newSource(): void;
  /** Says by RTCP that its stream ends, whether it does or not. */
  goodbye(): void;
  /** Other pictures, with their own parameter sets, from now on. */
  show(file: string): void;
}

/** What the RTSP side needs of a camera. */
export interface LiveCamera {
  options: CameraOptions;
  base: () => string;
  clip: Clip;
  broadcast: Broadcast;
  counters: CameraCounters;
  sockets: Set<Socket>;
  password: string | undefined;
  refusing: boolean;
  unplugged: boolean;
  offers: SdpOptions['offer'];
  garbageBytes: number;
  audio: boolean;
  frameRate(): number;
}

/** Of cameras and of the switches they hang on. */
const usualLinkMbit = 100;

export function liveCamera(asked: CameraOptions, base: () => string): LiveCamera {
  const options = { linkMbit: usualLinkMbit, ...asked };
  const { clip, frames } = program(options, options.file ?? walkers);
  const counters: CameraCounters = {
    connections: 0,
    sessions: 0,
    playing: 0,
    packetsSent: 0,
    bytesSent: 0,
    framesDropped: 0,
    audioSetUps: 0,
    unauthorised: 0,
    sessionsExpired: 0,
    receiverReports: 0,
    requests: {},
    lastUserAgent: undefined,
    lastTransport: undefined,
  };
  const camera: LiveCamera = {
    options,
    base,
    clip,
    counters,
    broadcast: openBroadcast(
      { frames, duration: clip.duration },
      {
        startAtSeconds: options.startAtSeconds ?? 0,
        fromStart: options.fromStart ?? false,
        firstSequence: options.firstSequence,
        firstTimestamp: options.firstTimestamp,
        senderReports: options.senderReports ?? 'right',
        loseEvery: options.loseEvery,
        swapEvery: options.swapEvery,
        repeatEvery: options.repeatEvery,
      },
      (packets, bytes) => {
        counters.packetsSent += packets;
        counters.bytesSent += bytes;
      },
    ),
    sockets: new Set(),
    password: options.password,
    refusing: false,
    unplugged: false,
    offers: 'video',
    garbageBytes: options.garbageBytes ?? 0,
    audio: options.audio ?? false,
    frameRate: () => (camera.clip.frames.length * videoClock) / camera.clip.duration,
  };
  return camera;
}

export function showFile(camera: LiveCamera, file: string): void {
  const { clip, frames } = program(camera.options, file);
  camera.clip = clip;
  camera.broadcast.show(frames, clip.duration);
}

interface Program {
  clip: Clip;
  frames: PacketFrame[];
}
/** Cameras that send the same share their packets: sixty-four of them at 4 Mbit/s would else take a gigabyte. */
const programs = new Map<string, Program>();

function program(options: CameraOptions, file: string): Program {
  const { aggregate, marker, extensionWords, contributors, padding, mbit, frameRate } = options;
  const neverIdr = options.neverIdr ?? false;
  const inBand = options.inBand ?? true;
  const quirks: PacketQuirks = {
    ...(aggregate !== undefined && { aggregate }),
    ...(marker !== undefined && { marker }),
    ...(extensionWords !== undefined && { extensionWords }),
    ...(contributors !== undefined && { contributors }),
    ...(padding !== undefined && { padding }),
  };
  const key = JSON.stringify([file, inBand, mbit, frameRate, neverIdr, quirks]);
  let found = programs.get(key);
  if (!found) {
    const clip = loadClip(file, { inBand, mbit, frameRate, neverIdr });
    found = { clip, frames: packetise(clip, quirks) };
    programs.set(key, found);
  }
  return found;
}
