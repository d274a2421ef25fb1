import * as assert from 'uvu/assert';
import { parseHead } from '#agent/camera/rtsp-message.ts';
import { baseUrl, controlUrls, parseRtspUrl } from '#agent/camera/rtsp-url.ts';
import { offered, parseSdp } from '#agent/camera/sdp.ts';
import { codeOf } from '#protocol/failure.ts';
import { suite } from '../support/suite.ts';

const test = suite('RTSP and SDP text');

function failureOf(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

test('parses addresses', () => {
  const { host, port, origin, path, tls } = parseRtspUrl(
    'rtsp://10.0.9.11:8554//Streaming/Channels/101?a=b&c',
  );
  assert.equal(
    [host, port, origin, path, tls],
    ['10.0.9.11', 8554, 'rtsp://10.0.9.11:8554', '//Streaming/Channels/101?a=b&c', false],
  );
  assert.is(parseRtspUrl('rtsp://cam').path, '/');
  assert.is(parseRtspUrl('rtsp://cam').port, 554);
  assert.is(parseRtspUrl('RTSPS://cam/x').port, 322);
  assert.equal(
    [parseRtspUrl('rtsp://[fe80::1]:1/x').host, parseRtspUrl('rtsp://[fe80::1]:1/x').origin],
    ['fe80::1', 'rtsp://[fe80::1]:1'],
  );
  assert.is(parseRtspUrl('rtsp://cam?channel=1').path, '?channel=1');
});

test('refuses addresses that are none, and those with a password without repeating it', () => {
  for (const text of [
    '',
    'http://cam/',
    'rtsp://',
    'rtsp:///x',
    'rtsp://cam:0/',
    'rtsp://cam:70000/',
    'rtsp://cam/a b',
    'rtsp://cam/\r\nX: y',
    `rtsp://cam/${'x'.repeat(2048)}`,
  ])
    assert.is(codeOf(failureOf(() => parseRtspUrl(text))), 'camera-address', text);
  const failure = failureOf(() => parseRtspUrl('rtsp://admin:hunter2@cam/x'));
  assert.is(codeOf(failure), 'camera-address');
  assert.not.match(failure.message, 'hunter2');
});

test('resolves controls as cameras mean them', () => {
  const url = parseRtspUrl('rtsp://cam/live?ch=1');
  const first = (base: string | undefined, control: string | undefined): string =>
    controlUrls(url, baseUrl(url, base), control)[0]!;
  assert.is(first(undefined, 'trackID=0'), 'rtsp://cam/live?ch=1/trackID=0');
  assert.is(first('rtsp://cam/live?ch=1/', 'trackID=0'), 'rtsp://cam/live?ch=1/trackID=0');
  assert.is(first('rtsp://192.168.1.9:554/other/', 'trackID=0'), 'rtsp://cam/other/trackID=0');
  assert.is(first('/other', 'trackID=0'), 'rtsp://cam/other/trackID=0');
  assert.is(first('live/', 'trackID=0'), 'rtsp://cam/live?ch=1/live/trackID=0');
  assert.is(first(undefined, '*'), 'rtsp://cam/live?ch=1');
  assert.is(first(undefined, undefined), 'rtsp://cam/live?ch=1');
  assert.is(first(undefined, '/abs/track'), 'rtsp://cam/abs/track');
  assert.is(first(undefined, '?ctype=video'), 'rtsp://cam/live?ch=1?ctype=video');
  assert.equal(controlUrls(url, baseUrl(url, undefined), 'rtsp://0.0.0.0/live/t1'), [
    'rtsp://cam/live/t1',
    'rtsp://0.0.0.0/live/t1',
  ]);
  assert.equal(controlUrls(url, baseUrl(url, 'rtsp://x/wrong/'), 't'), [
    'rtsp://cam/wrong/t',
    'rtsp://cam/live?ch=1/t',
  ]);
});

const head = (text: string) => parseHead(Buffer.from(text));

test('parses heads, repeated and folded fields, bare line feeds', () => {
  const { message, bodyBytes } = head(
    'RTSP/1.0 401 Unauthorized\r\nCSeq:  3 \r\nWWW-Authenticate: Basic realm="x"\r\nwww-authenticate: Digest\r\n nonce="a"\r\nContent-length: 12\r\n\r\n',
  );
  assert.ok(message.kind === 'response');
  assert.is(message.status, 401);
  assert.is(bodyBytes, 12);
  assert.is(message.headers.get('cseq'), '3');
  assert.equal(message.headers.all('www-authenticate'), ['Basic realm="x"', 'Digest nonce="a"']);
  const second = head('RTSP/1.0 200\nCSeq: 4\n\n').message;
  assert.ok(second.kind === 'response' && second.headers.get('cseq') === '4');
  const asked = head('GET_PARAMETER rtsp://x RTSP/1.0\r\nCSeq: 1\r\n\r\n').message;
  assert.ok(asked.kind === 'request' && asked.method === 'GET_PARAMETER');
});

test('refuses heads beyond their bounds', () => {
  for (const text of [
    'RTSP/1.0 200 OK\r\nno colon\r\n\r\n',
    'RTSP/1.0 2000 OK\r\n\r\n',
    'HTTP/1.1 200 OK\r\n\r\n',
    'RTSP/1.0 200 OK\r\nContent-Length: 65537\r\n\r\n',
    'RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n',
    'RTSP/1.0 200 OK\r\nContent-Length: 1e3\r\n\r\n',
    `RTSP/1.0 200 OK\r\n${'a: b\r\n'.repeat(101)}\r\n`,
  ])
    assert.is(codeOf(failureOf(() => head(text))), 'stream-error', text);
});

const sdp = (text: string) => parseSdp(Buffer.from(text));

test('reads what matters of a description', () => {
  const { media, control } = sdp(
    'v=0\r\na=control:*\r\nm=audio 0 RTP/AVP 8\r\na=control:t0\r\nm=video 0 RTP/AVP 96 26\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1; profile-level-id=64001f;sprop-parameter-sets=Z2Q=,aO4=\r\na=control:t1\r\nm=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\nm=video 0 RTP/SAVP 97\r\n',
  );
  assert.is(control, '*');
  assert.equal(
    media.map((medium) => medium.control),
    ['t0', 't1', undefined, undefined],
  );
  assert.equal(offered(media), [
    'audio/PCMA',
    'video/H264',
    'video/JPEG',
    'application/vnd.onvif.metadata',
    'video/97',
  ]);
  assert.is(media[1]!.formats[0]!.parameters.get('sprop-parameter-sets'), 'Z2Q=,aO4=');
  assert.is(media[1]!.formats[0]!.clockRate, 90_000);
  assert.equal(
    media.map(({ plain }) => plain),
    [true, true, true, false],
  );
});

test('passes over what is malformed, and is bounded', () => {
  const { media } = sdp(
    'm=video\nm=video x RTP/AVP 96\na=rtpmap:96\na=rtpmap\na=fmtp:96\na=:\nm=video 0 RTP/AVP 96 x 300 97\na=rtpmap:98 H264/90000\na=rtpmap:96 H264/abc',
  );
  assert.is(media.length, 1);
  assert.equal(
    media[0]!.formats.map(({ payloadType }) => payloadType),
    [96, 97],
  );
  const many = sdp(`${'m=video 0 RTP/AVP 96\na=control:x\n'.repeat(500)}`);
  assert.is(many.media.length, 32);
  assert.is(sdp(`m=video 0 RTP/AVP${' 96'.repeat(5000)}`).media[0]!.formats.length, 32);
});
