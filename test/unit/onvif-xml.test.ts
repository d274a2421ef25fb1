import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { addressesOf, onDevice } from '#agent/health/onvif-address.ts';
import { positionOf, presetAt } from '#agent/health/onvif-position.ts';
import {
  informationOf,
  isRefusal,
  profilesOf,
  recordsOf,
  textOf,
  timeOf,
  uriOf,
} from '#agent/health/onvif-xml.ts';
import { cpuMs } from '../support/cpu-ms.ts';
import { suite } from '../support/suite.ts';

const test = suite('ONVIF replies read raw');

test('values stay as they are written: versions, long serial numbers, tokens, entities, any prefix or none', () => {
  const xml =
    '<tds:GetDeviceInformationResponse><tds:Manufacturer>A &amp; B</tds:Manufacturer><Model >DS-2 &#x2122;</Model>' +
    '<ns1:FirmwareVersion a="1">5.10</ns1:FirmwareVersion><tds:SerialNumber> 00012345678901234567890 </tds:SerialNumber>';
  assert.equal(informationOf(xml), {
    manufacturer: 'A & B',
    model: 'DS-2 ™',
    firmware: '5.10',
    serial: '00012345678901234567890',
  });
  assert.is(informationOf('<Fault/>'), undefined);
  assert.is(textOf('<ModelName>x</ModelName>', 'Model'), undefined, 'a name that only begins alike');
  assert.is(uriOf('<tt:Uri>rtsp://10.0.0.5/a?b=1&amp;c=2</tt:Uri>'), 'rtsp://10.0.0.5/a?b=1&c=2');
});

test('time is UTC or unknown: local time alone says nothing', () => {
  const dated = (name: string): string =>
    `<tt:${name}><tt:Time><tt:Hour>23</tt:Hour><tt:Minute>4</tt:Minute><tt:Second>5</tt:Second></tt:Time>` +
    `<tt:Date><tt:Year>2026</tt:Year><tt:Month>2</tt:Month><tt:Day>28</tt:Day></tt:Date></tt:${name}>`;
  assert.is(timeOf(dated('UTCDateTime')), Date.UTC(2026, 1, 28, 23, 4, 5));
  assert.is(timeOf(dated('LocalDateTime')), undefined);
  assert.is(timeOf(dated('UTCDateTime').replace('28', 'x')), undefined);
});

test('profiles of both media services, with the source each shows', () => {
  const media1 =
    '<trt:Profiles fixed="true" token="000"><tt:Name>main</tt:Name><tt:VideoSourceConfiguration token="v"><tt:SourceToken>1</tt:SourceToken></tt:VideoSourceConfiguration>' +
    '<tt:VideoEncoderConfiguration token="e"><tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>1920</tt:Width><tt:Height>1080</tt:Height></tt:Resolution></tt:VideoEncoderConfiguration>' +
    '<tt:PTZConfiguration token="p"/></trt:Profiles><trt:Profiles token="still"><tt:Name>no encoder</tt:Name></trt:Profiles>';
  assert.equal(profilesOf(media1), [
    { token: '000', source: '1', encoding: 'H264', width: 1920, height: 1080, ptz: true },
  ]);
  const media2 =
    '<tr2:Profiles token="M2"><tr2:Configurations><tr2:VideoSource token="v"><tt:SourceToken>VS0</tt:SourceToken></tr2:VideoSource>' +
    '<tr2:VideoEncoder token="e"><tt:Encoding>H265</tt:Encoding><tt:Resolution><tt:Width>3840</tt:Width><tt:Height>2160</tt:Height></tt:Resolution></tr2:VideoEncoder></tr2:Configurations></tr2:Profiles>';
  assert.equal(profilesOf(media2), [
    { token: 'M2', source: 'VS0', encoding: 'H265', width: 3840, height: 2160, ptz: false },
  ]);
  assert.is(profilesOf(media1.repeat(500)).length, 64, 'bounded');
});

test('position, jobs and refusals', () => {
  assert.equal(positionOf('<tt:PanTilt space="a" x="-0.25" y="0.5"/><tt:Zoom x="0"/>'), {
    pan: -0.25,
    tilt: 0.5,
    zoom: 0,
  });
  assert.is(positionOf('<tt:PanTilt>IDLE</tt:PanTilt>'), undefined);
  assert.ok(recordsOf('<tt:Mode>Idle</tt:Mode><tt:Mode> Active </tt:Mode>'));
  assert.not(recordsOf('<tt:Mode>Idle</tt:Mode>'));
  assert.ok(isRefusal('<SOAP-ENV:Value>ter:NotAuthorized</SOAP-ENV:Value>'));
});

test('a preset is named where the camera stands at it, and nowhere else', () => {
  const at = (x: string, y: string, zoom: string, space = ''): string =>
    `<tt:PanTilt y="${y}" x="${x}"${space && ` space="http://www.onvif.org/ver10/tptz/PanTiltSpaces/${space}"`}/><tt:Zoom x='${zoom}'/>`;
  const status = (place: string, moving = 'IDLE'): string =>
    `<PTZStatus><Position>${place}</Position><MoveStatus><PanTilt>${moving}</PanTilt></MoveStatus></PTZStatus>`;
  const preset = (name: string, place: string): string =>
    `<tptz:Preset token="t-${name}"><tt:Name>${name}</tt:Name><tt:PTZPosition>${place}</tt:PTZPosition></tptz:Preset>`;
  const presets =
    preset('piazza', at('0.5', '-0.25', '0')) +
    preset('piazza vicina', at('0.504', '-0.25', '0')) +
    preset('chiesa &amp; scuola', at('-1', '0', '1')) +
    preset('', at('1e-2', '-5.0E-3', '.5')) +
    '<tptz:Preset token="nameless"><tt:Name>senza luogo</tt:Name></tptz:Preset>';
  const where = (place: string, moving?: string) => presetAt(status(place, moving), presets);
  assert.is(where(at('0.5', '-0.25', '0')), 'piazza');
  assert.is(where(at('0.5035', '-0.2501', '0.01')), 'piazza vicina', 'the nearest');
  assert.is(where(at('-0.995', '0.004', '0.985')), 'chiesa & scuola');
  assert.is(where(at('0.01', '-0.005', '0.5')), 't-', 'its token, where it has no name');
  assert.is(where(at('0.52', '-0.25', '0')), undefined, 'too far');
  assert.is(where(at('-1', '0', '0.9')), undefined, 'another zoom');
  assert.is(where(at('0.5', '-0.25', '0'), 'MOVING'), undefined, 'on its way past');
  assert.is(where('<PanTilt>IDLE</PanTilt>'), undefined);
  assert.equal(positionOf(status(at('1e-2', '-5.0E-3', '.5'))), { pan: 0.01, tilt: -0.005, zoom: 0.5 });
  assert.is(positionOf(status(at('NaN', '0', '0'))), undefined);

  const degrees = preset('valle', at('170', '10', '0', 'SphericalPositionSpaceDegrees'));
  assert.is(presetAt(status(at('171', '9', '0', 'SphericalPositionSpaceDegrees')), degrees), 'valle');
  assert.is(
    presetAt(status(at('170', '10', '0', 'PositionGenericSpace')), degrees),
    undefined,
    'figures of two spaces are not compared',
  );
  const row = preset('uno', at('0', '0', '0')) + preset('due', at('0', '0', '0'));
  assert.is(presetAt(status(at('0', '0', '0')), row), undefined, 'which of two in one place nobody knows');
});

test('addresses of services by either question; of what a device states of itself its path, and its port where the host is right', () => {
  const services =
    '<a:Service><a:XAddr>http://h/e</a:XAddr><a:Namespace> http://www.onvif.org/ver10/events/wsdl/ </a:Namespace></a:Service>' +
    '<a:Service><a:Namespace>http://www.onvif.org/ver20/media/wsdl</a:Namespace><a:XAddr>http://h/m?a=1&amp;b=2</a:XAddr></a:Service>' +
    '<a:Service><a:Namespace>http://www.axis.com/vapix/ws/x</a:Namespace><a:XAddr>http://h/axis</a:XAddr></a:Service>';
  assert.equal(
    [...addressesOf(services)],
    [
      ['events', 'http://h/e'],
      ['media2', 'http://h/m?a=1&b=2'],
    ],
  );
  const capabilities =
    '<tt:Media><tt:XAddr>http://h/m</tt:XAddr><tt:X/></tt:Media><tt:PTZ><tt:XAddr>http://h/p</tt:XAddr></tt:PTZ><tt:Imaging><tt:XAddr>http://h/i</tt:XAddr></tt:Imaging>' +
    '<tt:Extension><tt:Recording><tt:XAddr>http://h/r</tt:XAddr></tt:Recording></tt:Extension>';
  assert.equal(
    [...addressesOf(capabilities)],
    [
      ['media', 'http://h/m'],
      ['ptz', 'http://h/p'],
      ['recording', 'http://h/r'],
    ],
  );
  const configured = 'http://10.0.0.9:8080/onvif/device_service';
  for (const [stated, meant] of [
    ['http://10.0.0.9:1024/event-1?x=2', 'http://10.0.0.9:1024/event-1?x=2'],
    ['http://10.0.0.9/m', 'http://10.0.0.9/m'],
    ['http://0.0.0.0:80/m', 'http://10.0.0.9:8080/m'],
    ['https://10.0.0.9/m', 'http://10.0.0.9:8080/m'],
    ['http://user:secret@192.168.1.9/m#x', 'http://10.0.0.9:8080/m'],
    ['/m', 'http://10.0.0.9:8080/m'],
    ['http://10.0.0.9//192.0.2.1/m', 'http://10.0.0.9//192.0.2.1/m'],
    ['http://x//192.0.2.1:99/m', 'http://10.0.0.9:8080//192.0.2.1:99/m'],
    ['//192.0.2.1//192.0.2.2/m', 'http://10.0.0.9:8080//192.0.2.2/m'],
    ['javascript:alert(1)', 'http://10.0.0.9:8080/alert(1)'],
    ['http://[', configured],
  ] as const)
    assert.is(onDevice(stated, configured).href, meant);
});

test('no bytes a device sends make reading throw or take long', () => {
  const pieces = fc.constantFrom(
    '<Profiles token="a">',
    '<tt:Width>',
    '</',
    '<',
    '&#x110000;',
    '&#99999999;',
    'UTCDateTime',
    '">',
    ' ',
    'x',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 400 }), (parts) => {
      const xml = parts.join('');
      for (const read of [informationOf, timeOf, profilesOf, uriOf, addressesOf, positionOf, recordsOf])
        read(xml);
      presetAt('<PanTilt x="0" y="0"/>', xml);
      presetAt(xml, xml);
    }),
    { numRuns: 200 },
  );
  const began = cpuMs();
  profilesOf('<Profiles token="a">'.repeat(12_000));
  timeOf('<UTCDateTime>'.repeat(20_000));
  presetAt('<PanTilt x="0" y="0"/>', '<Preset token="'.repeat(20_000));
  presetAt('<PanTilt x="0" y="0"/>', '<Preset><PanTilt x="0" y="0">'.repeat(8000));
  assert.ok(cpuMs() - began < 5000, `${cpuMs() - began} ms for 240 kB`);
});
