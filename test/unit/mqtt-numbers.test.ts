import { createRequire } from 'node:module';
import mqttPacket from 'mqtt-packet';
import * as assert from 'uvu/assert';
import { openConnection } from '#agent/mqtt/connection.ts';
import { suite } from '../support/suite.ts';

const test = suite('numbers of MQTT packets');

test('what writes the packets of the connection keeps no buffer for every number', () => {
  assert.type(openConnection, 'function');
  const here = createRequire(import.meta.url);
  const ofConnection = createRequire(here.resolve('mqtt'))('mqtt-packet');
  assert.is(ofConnection.writeToStream, mqttPacket.writeToStream);
  assert.is(mqttPacket.writeToStream.cacheNumbers, false);
});
