import type { MonotonicMs } from '#agent/platform/clock.ts';
import { parseRtp, RtpPacket } from '../rtp.ts';
import { dropped, type RtpSource } from '../rtp-source.ts';
import { stragglersMs } from '../video-receiver.ts';
import type { PictureLog } from './picture-log.ts';
import type { Relay } from './relay.ts';

/** Hands a camera's packets to the relay, one sender's in order, with the tokens of their pictures for times. */
export class PacketFeed {
  /** When the last packet of the track came. */
  heardAt = 0 as MonotonicMs;
  /** When the camera said that its stream ends, unless it went on since. */
  leftAt: MonotonicMs | undefined;
  /** Packets that are no RTP, or of another payload type. */
  strange = 0;
  #payloadType: number;
  #source: RtpSource;
  #pictures: PictureLog;
  #relay: Relay;
  #packet = new RtpPacket();
  #head = Buffer.alloc(12);
  #sequence = 0;
  #token = 0;
  #timestamp = -1;
  #marked = false;

  constructor(payloadType: number, source: RtpSource, pictures: PictureLog, relay: Relay) {
    this.#payloadType = payloadType;
    this.#source = source;
    this.#pictures = pictures;
    this.#relay = relay;
    this.#head[0] = 0x80;
    this.#head.writeUInt32BE(1, 8); // One sender, whoever the camera's are.
  }

  /** The camera says that its stream ends. */
  leave(now: MonotonicMs): void {
    this.#source.leave();
    this.leftAt = now;
  }

  /** Whether the packet is one of the track. */
  take(bytes: Buffer, start: number, end: number, now: MonotonicMs): boolean {
    const packet = this.#packet;
    if (!parseRtp(bytes, start, end, packet) || packet.payloadType !== this.#payloadType) {
      this.strange += 1;
      return false;
    }
    const lost = this.#source.accept(packet, now);
    if (lost === dropped) return true;
    const { restarted } = this.#source;
    this.#source.restarted = false;
    this.heardAt = now;
    if (this.leftAt !== undefined && now - this.leftAt > stragglersMs) this.leftAt = undefined;
    // Some cameras repeat a timestamp: after a marker it is another picture all the same.
    if (packet.timestamp !== this.#timestamp || this.#marked || restarted)
      this.#token = this.#pictures.begin(packet.timestamp, now, restarted);
    if (lost > 0) this.#pictures.lose(lost);
    if (packet.marker) this.#pictures.complete();
    this.#timestamp = packet.timestamp;
    this.#marked = packet.marker;
    this.#sequence = (this.#sequence + 1 + lost) & 0xffff;
    const head = this.#head;
    head[1] = (packet.marker ? 0x80 : 0) | packet.payloadType;
    head.writeUInt16BE(this.#sequence, 2);
    head.writeUInt32BE(this.#token % 2 ** 32, 4);
    this.#relay.send(head, bytes, packet.payloadStart, packet.payloadEnd);
    return true;
  }
}
