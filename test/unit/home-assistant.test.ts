import * as assert from 'uvu/assert';
import { discoveryOf, tellHomeAssistant } from '../../deploy/hub/fleet/home-assistant.ts';
import { suite } from '../support/suite.ts';

const test = suite('Home Assistant discovery');
const node = {
  id: 'site-01',
  role: 'site' as const,
  name: 'Depuratore',
  uplink: 'relay-1',
  cameras: [{ id: 'cam-1', name: 'Ingresso' }],
};

/** What the hub says in one connection. */
function said(homeAssistant: { prefix: string; discovery: boolean } | undefined) {
  const heard: { topic: string; payload: string | Buffer; retain?: boolean }[] = [];
  let connect = (): void => {};
  tellHomeAssistant(
    {
      publish: async (message: (typeof heard)[number]) => void heard.push(message),
      onConnect: (then: () => void) => {
        connect = then;
      },
    } as never,
    { homeAssistant, nodes: [node] } as never,
    '1.0.0',
    (error) => {
      throw error;
    },
  );
  connect();
  return heard;
}

test('nothing is said unless it is asked for', () => {
  assert.equal(said(undefined), []);
});

test('every node is a retained device; taking it back is an empty one', () => {
  const [one, ...rest] = said({ prefix: 'homeassistant', discovery: true });
  assert.equal(rest, []);
  assert.is(one?.topic, 'homeassistant/device/peio-site-01/config');
  assert.is(one?.retain, true);
  assert.equal(said({ prefix: 'homeassistant', discovery: false }), [
    { topic: 'homeassistant/device/peio-site-01/config', payload: '', retain: true },
  ]);
});

test('names what there is, and no way to order anything', () => {
  const { payload } = discoveryOf(node, 'homeassistant', '1.0.0');
  const { components } = JSON.parse(payload) as {
    components: Record<string, { unique_id: string; platform: string; state_topic: string }>;
  };
  assert.equal(Object.keys(components), [
    'site-01-camera-cam-1',
    'site-01-uplink',
    'site-01-disk',
    'site-01-heat',
    'site-01-clock',
  ]);
  for (const one of Object.values(components)) {
    assert.ok(['sensor', 'binary_sensor'].includes(one.platform));
    assert.is(one.state_topic, 'peio/v1/site-01/health');
  }
  assert.not.match(payload, /command/);
  assert.is(new Set(Object.values(components).map(({ unique_id }) => unique_id)).size, 5);
});
