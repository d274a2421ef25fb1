/** A stream profile of the simulated device. */
export interface OnvifProfile {
  token: string;
  /** Physical input: profiles of an NVR's channels differ here. */
  source: string;
  streamUri: string;
  width: number;
  height: number;
  frameRate: number;
  encoding: 'H264' | 'JPEG';
  audio: boolean;
}

/** A place of a moving camera; older devices tell names alone. */
export interface OnvifPreset {
  token: string;
  name: string;
  position?: { pan: number; tilt: number; zoom: number };
}

export interface DeviceFacts {
  manufacturer: string;
  model: string;
  firmware: string;
  serial: string;
  hardwareId: string;
  profiles: readonly OnvifProfile[];
  /** Where it looks; one that moves has a PTZ service. */
  position?: { pan: number; tilt: number; zoom: number } | undefined;
  /** Places it knows by name. */
  presets?: readonly OnvifPreset[] | undefined;
  /** Modes of its recording jobs; one that could record has a recording service. */
  recordingJobs?: readonly ('Active' | 'Idle')[] | undefined;
  /** It has an event service. */
  events?: boolean | undefined;
}

const escaped = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);

export function envelope(body: string): string {
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"' +
    ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl"' +
    ' xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:ter="http://www.onvif.org/ver10/error">' +
    `<SOAP-ENV:Body>${body}</SOAP-ENV:Body></SOAP-ENV:Envelope>`
  );
}

/** ONVIF Core §5.8.2: a fault whose subcode says what was wrong. */
export function fault(code: 'Sender' | 'Receiver', subcode: string, reason: string): string {
  return envelope(
    `<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:${code}</SOAP-ENV:Value><SOAP-ENV:Subcode>` +
      `<SOAP-ENV:Value>ter:${subcode}</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code><SOAP-ENV:Reason>` +
      `<SOAP-ENV:Text xml:lang="en">${escaped(reason)}</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>`,
  );
}

/** The contents of the Body of each reply; undefined for an operation the device does not know. */
export function reply(
  operation: string,
  request: string,
  facts: DeviceFacts,
  nowMs: number,
  address: string,
): string | undefined {
  switch (operation) {
    case 'GetSystemDateAndTime':
      return systemDateAndTime(nowMs);
    case 'GetServices':
      return services(address, facts);
    case 'GetCapabilities':
      return (
        `<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Device><tt:XAddr>${address}</tt:XAddr></tt:Device>` +
        `<tt:Media><tt:XAddr>${address}</tt:XAddr></tt:Media></tds:Capabilities></tds:GetCapabilitiesResponse>`
      );
    case 'GetDeviceInformation':
      return (
        `<tds:GetDeviceInformationResponse><tds:Manufacturer>${escaped(facts.manufacturer)}</tds:Manufacturer>` +
        `<tds:Model>${escaped(facts.model)}</tds:Model>` +
        `<tds:FirmwareVersion>${escaped(facts.firmware)}</tds:FirmwareVersion>` +
        `<tds:SerialNumber>${escaped(facts.serial)}</tds:SerialNumber>` +
        `<tds:HardwareId>${escaped(facts.hardwareId)}</tds:HardwareId></tds:GetDeviceInformationResponse>`
      );
    case 'GetProfiles':
      return `<trt:GetProfilesResponse>${facts.profiles.map(profile).join('')}</trt:GetProfilesResponse>`;
    case 'GetVideoSources':
      return videoSources(facts);
    case 'GetStreamUri': {
      const token = /<(?:\w+:)?ProfileToken[^>]*>([^<]*)</.exec(request)?.[1];
      const found = facts.profiles.find((each) => each.token === token);
      if (!found) return undefined;
      return (
        `<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>${escaped(found.streamUri)}</tt:Uri>` +
        '<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot>' +
        '<tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>'
      );
    }
    case 'GetStatus':
      return facts.position && ptzStatus(facts.position);
    case 'GetPresets':
      return facts.position && ptzPresets(facts.presets ?? []);
    case 'GetRecordingJobs':
      return facts.recordingJobs && recordingJobs(facts.recordingJobs);
    default:
      return undefined;
  }
}

function ptzStatus({ pan, tilt, zoom }: { pan: number; tilt: number; zoom: number }): string {
  return (
    '<tptz:GetStatusResponse xmlns:tptz="http://www.onvif.org/ver20/ptz/wsdl"><tptz:PTZStatus><tt:Position>' +
    `<tt:PanTilt x="${pan}" y="${tilt}" space="http://www.onvif.org/ver10/tptz/PanTiltSpaces/PositionGenericSpace"/>` +
    `<tt:Zoom x="${zoom}"/></tt:Position><tt:MoveStatus><tt:PanTilt>IDLE</tt:PanTilt><tt:Zoom>IDLE</tt:Zoom>` +
    '</tt:MoveStatus><tt:UtcTime>2026-01-15T12:00:00Z</tt:UtcTime></tptz:PTZStatus></tptz:GetStatusResponse>'
  );
}

function ptzPresets(presets: readonly OnvifPreset[]): string {
  const each = presets.map(({ token, name, position }) => {
    const place =
      position &&
      `<tt:PTZPosition><tt:PanTilt x="${position.pan}" y="${position.tilt}"/><tt:Zoom x="${position.zoom}"/></tt:PTZPosition>`;
    return `<tptz:Preset token="${escaped(token)}"><tt:Name>${escaped(name)}</tt:Name>${place ?? ''}</tptz:Preset>`;
  });
  return `<tptz:GetPresetsResponse xmlns:tptz="http://www.onvif.org/ver20/ptz/wsdl">${each.join('')}</tptz:GetPresetsResponse>`;
}

function recordingJobs(modes: readonly string[]): string {
  const jobs = modes.map(
    (mode, index) =>
      `<trc:JobItem><tt:JobToken>job-${index}</tt:JobToken><tt:JobConfiguration><tt:RecordingToken>rec-${index}` +
      `</tt:RecordingToken><tt:Mode>${mode}</tt:Mode><tt:Priority>1</tt:Priority></tt:JobConfiguration></trc:JobItem>`,
  );
  return `<trc:GetRecordingJobsResponse xmlns:trc="http://www.onvif.org/ver10/recording/wsdl">${jobs.join('')}</trc:GetRecordingJobsResponse>`;
}

function systemDateAndTime(nowMs: number): string {
  const now = new Date(nowMs);
  return (
    '<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>' +
    '<tt:DaylightSavings>false</tt:DaylightSavings><tt:TimeZone><tt:TZ>CET-1CEST,M3.5.0,M10.5.0/3</tt:TZ></tt:TimeZone>' +
    `<tt:UTCDateTime><tt:Time><tt:Hour>${now.getUTCHours()}</tt:Hour><tt:Minute>${now.getUTCMinutes()}</tt:Minute>` +
    `<tt:Second>${now.getUTCSeconds()}</tt:Second></tt:Time><tt:Date><tt:Year>${now.getUTCFullYear()}</tt:Year>` +
    `<tt:Month>${now.getUTCMonth() + 1}</tt:Month><tt:Day>${now.getUTCDate()}</tt:Day></tt:Date></tt:UTCDateTime>` +
    '</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>'
  );
}

function services(address: string, facts: DeviceFacts): string {
  const where = (name: string): string =>
    name === 'events' ? address.replace('device_service', 'events') : address;
  const one = (name: string): string =>
    `<tds:Service><tds:Namespace>http://www.onvif.org/${name === 'ptz' ? 'ver20' : 'ver10'}/${name}/wsdl</tds:Namespace>` +
    `<tds:XAddr>${where(name)}</tds:XAddr><tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version>` +
    '</tds:Service>';
  const names = [
    'device',
    'media',
    ...(facts.position ? ['ptz'] : []),
    ...(facts.recordingJobs ? ['recording'] : []),
    ...(facts.events ? ['events'] : []),
  ];
  return `<tds:GetServicesResponse>${names.map(one).join('')}</tds:GetServicesResponse>`;
}

function profile(each: OnvifProfile): string {
  const { token, source, width, height, frameRate, encoding } = each;
  const name = (what: string): string =>
    `<tt:Name>${what}-${escaped(token)}</tt:Name><tt:UseCount>1</tt:UseCount>`;
  const audio = each.audio
    ? `<tt:AudioEncoderConfiguration token="audio-${token}">${name('audio')}<tt:Encoding>G711</tt:Encoding>` +
      '<tt:Bitrate>64</tt:Bitrate><tt:SampleRate>8</tt:SampleRate></tt:AudioEncoderConfiguration>'
    : '';
  return (
    `<trt:Profiles token="${escaped(token)}" fixed="true"><tt:Name>${escaped(token)}</tt:Name>` +
    `<tt:VideoSourceConfiguration token="source-${token}">${name('source')}` +
    `<tt:SourceToken>${escaped(source)}</tt:SourceToken>` +
    `<tt:Bounds x="0" y="0" width="${width}" height="${height}"/></tt:VideoSourceConfiguration>` +
    `<tt:VideoEncoderConfiguration token="encoder-${token}">${name('encoder')}` +
    `<tt:Encoding>${encoding}</tt:Encoding>` +
    `<tt:Resolution><tt:Width>${width}</tt:Width><tt:Height>${height}</tt:Height></tt:Resolution>` +
    `<tt:Quality>5</tt:Quality><tt:RateControl><tt:FrameRateLimit>${frameRate}</tt:FrameRateLimit>` +
    '<tt:EncodingInterval>1</tt:EncodingInterval><tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl>' +
    `</tt:VideoEncoderConfiguration>${audio}</trt:Profiles>`
  );
}

function videoSources(facts: DeviceFacts): string {
  const bySource = new Map(facts.profiles.map((each) => [each.source, each]));
  const sources = [...bySource].map(
    ([token, { width, height, frameRate }]) =>
      `<trt:VideoSources token="${escaped(token)}"><tt:Framerate>${frameRate}</tt:Framerate>` +
      `<tt:Resolution><tt:Width>${width}</tt:Width><tt:Height>${height}</tt:Height></tt:Resolution></trt:VideoSources>`,
  );
  return `<trt:GetVideoSourcesResponse>${sources.join('')}</trt:GetVideoSourcesResponse>`;
}
