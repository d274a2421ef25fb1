import type { Format } from '../sdp.ts';
import { tokenRate } from './picture-log.ts';

/** A value of a camera's a=fmtp that may be repeated to ffmpeg: what any of them looks like, and no longer. */
const value = /^[\x21-\x3a\x3c-\x7e]{0,8192}$/;

/** What ffmpeg is told of the one track (RFC 8866): codec and its parameters, nothing else that the camera said. */
export function relaySdp(format: Format): string {
  const { payloadType, encoding, parameters } = format;
  const repeated = [...parameters]
    .filter(([name, text]) => /^[a-z0-9-]{1,40}$/.test(name) && value.test(text))
    .map(([name, text]) => `${name}=${text}`)
    .join(';');
  return [
    'v=0',
    'o=- 0 0 IN IP4 127.0.0.1',
    's=camera',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    `m=video 0 RTP/AVP ${payloadType}`,
    `a=rtpmap:${payloadType} ${encoding.toUpperCase()}/${tokenRate}`,
    ...(repeated === '' ? [] : [`a=fmtp:${payloadType} ${repeated}`]),
    'a=control:track',
    '',
  ].join('\r\n');
}
