import { randomBytes, randomInt } from 'node:crypto';
import { videoClock } from './clip.ts';
import { type PacketFrame, stamp } from './packetise.ts';

/** One client that plays. Frames are interleaved packets on channel 0, shared by all listeners: never write into them. */
export interface Listener {
  frame(bytes: Buffer, starts: readonly number[]): void;
  /** A compound RTCP packet: sender report and description (RFC 3550 §6.1). */
  report(packet: Buffer): void;
  /** One RTP packet of G.711 A-law; undefined where the audio track was not set up. */
  audio: ((packet: Buffer) => void) | undefined;
}

export interface BroadcastOptions {
  /** Where in the clip the camera is when it starts. */
  startAtSeconds: number;
  /** Begin the clip when the first client plays, not when the camera starts. */
  fromStart: boolean;
  firstSequence: number | undefined;
  firstTimestamp: number | undefined;
  /** `jumping`: every second report is an hour ahead. */
  senderReports: 'right' | 'jumping' | 'none';
  /** Every so many packets one is never sent; one goes out after its successor; one goes out twice. */
  loseEvery: number | undefined;
  swapEvery: number | undefined;
  repeatEvery: number | undefined;
}

/**
 * The picture of one camera, live: it goes on whether anyone watches or not, loops without a jump in its timestamps,
 * and costs nothing while nobody listens.
 */
export interface Broadcast {
  listen(listener: Listener): void;
  leave(listener: Listener): void;
  /** Sequence number and timestamp of the next packet, for RTP-Info; true while somebody listens. */
  next(): { sequence: number; timestamp: number };
  source(): number;
  /** Other pictures from now on; timestamps go on. */
  show(frames: PacketFrame[], duration: number): void;
  /** While true, time goes on and nothing is sent. */
  silence(silent: boolean): void;
  /** The next `packets` are counted and never sent. */
  lose(packets: number): void;
  jumpTimestamp(ms: number): void;
  /** A new source with new sequence numbers and timestamps, as after a restart of the encoder. */
  newSource(): void;
  /** Says by RTCP that the source leaves; sends on unless it is silenced too. */
  goodbye(): void;
  stop(): void;
}

/** RFC 3550 §6.2: the recommended least interval of reports. */
const reportEveryMs = 5000;
/** 20 ms of G.711: the packet of RFC 3551 §4.2. */
const audioSamples = 160;
const audioPayloadType = 8;
const silenceByte = 0xd5;
/** Seconds from 1900 to 1970. */
const ntpEpoch = 2_208_988_800;

export function openBroadcast(
  first: { frames: PacketFrame[]; duration: number },
  options: BroadcastOptions,
  sent: (packets: number, bytes: number) => void,
): Broadcast {
  const listeners = new Set<Listener>();
  let { frames, duration } = first;
  /** When tick 0 of the program was, and the stream's tick there. */
  let originMs = performance.now() - options.startAtSeconds * 1000;
  let originTick = 0;
  let loop = 0;
  let index = 0;
  let started = !options.fromStart;
  let offset = options.firstTimestamp ?? randomInt(2 ** 32);
  let sequence = options.firstSequence ?? randomInt(2 ** 16);
  let source = randomBytes(4).readUInt32BE();
  let silent = false;
  let toLose = 0;
  let counted = 0;
  let packetsOfSource = 0;
  let bytesOfSource = 0;
  let timer: NodeJS.Timeout | undefined;
  let reportDueMs = 0;
  let reports = 0;
  const audioSource = randomBytes(4).readUInt32BE();
  let audioSequence = 0;
  let audioAt = 0;

  const frameNow = (): PacketFrame => frames[index] as PacketFrame;
  const tickOf = (frame: PacketFrame): number => originTick + loop * duration + frame.timestamp;
  const rtpTimestamp = (tick: number): number => (tick + offset) % 2 ** 32;
  const dueMs = (): number => originMs + ((loop * duration + frameNow().sendAt) * 1000) / videoClock;
  const advance = (): void => {
    index += 1;
    if (index === frames.length) {
      index = 0;
      loop += 1;
    }
  };
  /** Skips what nobody saw; the first client of a clip that waited for it gets its first picture. */
  const catchUp = (): void => {
    if (!started) originMs = performance.now() + 1 - options.startAtSeconds * 1000;
    started = true;
    const elapsed = Math.max(0, ((performance.now() - originMs) * videoClock) / 1000);
    loop = Math.floor(elapsed / duration);
    const within = elapsed - loop * duration;
    const found = frames.findIndex((frame) => frame.sendAt >= within);
    index = Math.max(0, found);
    if (found < 0) loop += 1;
    audioAt = Math.floor(elapsed / videoClock) * 8000;
  };

  const report = (tick: number): Buffer => {
    const packet = Buffer.alloc(28 + 16);
    packet.writeUInt32BE(0x80c80006);
    packet.writeUInt32BE(source, 4);
    const hourAhead = options.senderReports === 'jumping' && reports % 2 === 1 ? 3600 : 0;
    const nowMs = Date.now();
    packet.writeUInt32BE((Math.floor(nowMs / 1000) + ntpEpoch + hourAhead) >>> 0, 8);
    packet.writeUInt32BE(Math.floor(((nowMs % 1000) / 1000) * 2 ** 32) >>> 0, 12);
    packet.writeUInt32BE(rtpTimestamp(tick) >>> 0, 16);
    packet.writeUInt32BE(packetsOfSource >>> 0, 20);
    packet.writeUInt32BE(bytesOfSource >>> 0, 24);
    packet.writeUInt32BE(0x81ca0003, 28); // SDES with one CNAME of four letters.
    packet.writeUInt32BE(source, 32);
    packet.write('\x01\x04cam0', 36, 'latin1');
    reports += 1;
    return packet;
  };

  const sendAudio = (elapsedTicks: number): void => {
    const until = Math.floor((elapsedTicks * 8000) / videoClock);
    const hearing = [...listeners].flatMap((listener) => listener.audio ?? []);
    if (hearing.length === 0) audioAt = until;
    while (audioAt + audioSamples <= until) {
      const packet = Buffer.alloc(12 + audioSamples, silenceByte);
      packet.writeUInt16BE(0x8000 | audioPayloadType);
      packet.writeUInt16BE(audioSequence, 2);
      packet.writeUInt32BE(audioAt >>> 0, 4);
      packet.writeUInt32BE(audioSource, 8);
      audioSequence = (audioSequence + 1) & 0xffff;
      audioAt += audioSamples;
      for (const hear of hearing) hear(packet);
    }
  };

  /** Which packets of `count` go out, in which order; undefined when all do, in theirs. */
  const disturbed = (count: number): number[] | undefined => {
    const { loseEvery, swapEvery, repeatEvery } = options;
    if (toLose === 0 && !loseEvery && !swapEvery && !repeatEvery) return undefined;
    const order: number[] = [];
    for (let i = 0; i < count; i++) {
      counted += 1;
      if (toLose > 0) toLose -= 1;
      else if (loseEvery && counted % loseEvery === 0) continue;
      else if (swapEvery && counted % swapEvery === 0 && order.length > 0)
        order.splice(order.length - 1, 0, i);
      else order.push(i);
      if (repeatEvery && counted % repeatEvery === 0 && order.includes(i)) order.push(i);
    }
    return order;
  };

  const sendFrame = (): void => {
    const frame = frameNow();
    let bytes = stamp(frame, sequence, rtpTimestamp(tickOf(frame)), source);
    let starts: readonly number[] = frame.starts;
    sequence = (sequence + starts.length) & 0xffff;
    const order = disturbed(starts.length);
    if (order) {
      const pieces = order.map((i) => bytes.subarray(frame.starts[i], frame.starts[i + 1]));
      let at = 0;
      starts = pieces.map((piece) => {
        at += piece.length;
        return at - piece.length;
      });
      bytes = Buffer.concat(pieces);
    }
    packetsOfSource += starts.length;
    bytesOfSource += bytes.length - starts.length * 16;
    for (const listener of listeners) listener.frame(bytes, starts);
    sent(starts.length * listeners.size, bytes.length * listeners.size);
    if (options.senderReports !== 'none' && performance.now() >= reportDueMs) {
      reportDueMs = performance.now() + reportEveryMs;
      const packet = report(tickOf(frame));
      for (const listener of listeners) listener.report(packet);
    }
  };

  const tick = (): void => {
    timer = undefined;
    while (listeners.size > 0 && dueMs() <= performance.now()) {
      const elapsed = loop * duration + frameNow().sendAt;
      if (!silent) {
        sendFrame();
        sendAudio(elapsed);
      } else audioAt = Math.floor((elapsed * 8000) / videoClock);
      advance();
    }
    if (listeners.size > 0) timer = setTimeout(tick, Math.max(1, dueMs() - performance.now()));
  };
  const stop = (): void => {
    clearTimeout(timer);
    timer = undefined;
    listeners.clear();
  };

  return {
    listen(listener) {
      if (listeners.size === 0) catchUp();
      reportDueMs = 0; // A new client learns at once which time the timestamps mean.
      listeners.add(listener);
      timer ??= setTimeout(tick, Math.max(1, dueMs() - performance.now()));
    },
    leave(listener) {
      listeners.delete(listener);
      if (listeners.size === 0) stop();
    },
    next: () => ({ sequence, timestamp: rtpTimestamp(tickOf(frameNow())) }),
    source: () => source,
    show(otherFrames, otherDuration) {
      const nowMs = performance.now();
      originTick += Math.round(((nowMs - originMs) * videoClock) / 1000);
      originMs = nowMs;
      frames = otherFrames;
      duration = otherDuration;
      loop = 0;
      index = 0;
      clearTimeout(timer);
      timer = listeners.size > 0 ? setTimeout(tick, 1) : undefined;
    },
    silence(value) {
      silent = value;
    },
    lose(packets) {
      toLose += packets;
    },
    jumpTimestamp(ms) {
      originTick += (ms * videoClock) / 1000;
    },
    newSource() {
      source = randomBytes(4).readUInt32BE();
      sequence = randomInt(2 ** 16);
      offset = randomInt(2 ** 32);
      packetsOfSource = 0;
      bytesOfSource = 0;
    },
    goodbye() {
      // RFC 3550 §6.1: a compound packet begins with a report, here an empty one, and §6.6.
      const packet = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 0, 0x81, 203, 0, 1, 0, 0, 0, 0]);
      packet.writeUInt32BE(source, 4);
      packet.writeUInt32BE(source, 12);
      for (const listener of listeners) listener.report(packet);
    },
    stop,
  };
}
