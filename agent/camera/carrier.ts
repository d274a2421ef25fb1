import { Failure } from '#protocol/failure.ts';

/** How RTP comes from a camera: what SETUP asks for, and what follows from the answer before PLAY is sent. */
export interface Carrier {
  /** Transport of RFC 2326 §12.39. */
  readonly ask: string;
  /** Takes the Transport of the answer, empty when there is none. Throws `stream-error`. */
  accepted(transport: string): void | Promise<void>;
}

/** RTP on the RTSP connection itself (RFC 2326 §10.12). `prepared` is told the channels that the camera will use. */
export function interleaved(prepared: (rtpChannel: number, rtcpChannel: number) => void): Carrier {
  return {
    ask: 'RTP/AVP/TCP;unicast;interleaved=0-1',
    accepted(transport) {
      if (transport !== '' && !/TCP/i.test(transport))
        throw new Failure('transient', 'stream-error', 'the camera does not offer RTP over TCP');
      const [, rtp = '0', rtcp] = /interleaved=(\d{1,3})(?:-(\d{1,3}))?/i.exec(transport) ?? [];
      const rtpChannel = Number(rtp) & 0xff;
      prepared(rtpChannel, rtcp === undefined ? (rtpChannel + 1) & 0xff : Number(rtcp) & 0xff);
    },
  };
}
