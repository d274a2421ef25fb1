import * as assert from 'uvu/assert';
import { scrub } from '#agent/platform/log.ts';
import { suite } from '../support/suite.ts';

const test = suite('scrubbing of texts');

test('takes user and password out of every address', () => {
  assert.is(
    scrub('cannot open rtsp://admin:p%40ss@10.0.0.1:554/a?b=c, nor mqtts://x:y@h'),
    'cannot open rtsp://***@10.0.0.1:554/a?b=c, nor mqtts://***@h',
  );
});

test('leaves the rest alone', () => {
  const text = 'http://10.0.0.1/onvif time 12:30 mail a@b';
  assert.is(scrub(text), text);
});
