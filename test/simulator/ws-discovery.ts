import { createSocket } from 'node:dgram';
import { once } from 'node:events';

export interface DiscoveredDevice {
  /** Addresses of its service, as it states them. */
  xaddrs: string;
  scopes?: string;
  /** Answers with these bytes instead, and so often. */
  bytes?: (messageId: string) => Buffer;
  times?: number;
}

/** A device that answers probes, of one or of a group on this machine. */
export interface WsDiscovery extends AsyncDisposable {
  readonly port: number;
  probes(): number;
}

export async function startWsDiscovery(
  device: DiscoveredDevice,
  group?: { address: string; port: number },
): Promise<WsDiscovery> {
  const socket = createSocket({ type: 'udp4', reuseAddr: group !== undefined });
  let probes = 0;
  socket.on('message', (bytes, from) => {
    const id = /MessageID>\s*([^<]+?)\s*</.exec(bytes.toString())?.[1];
    if (id === undefined || !/Probe>/.test(bytes.toString())) return;
    probes += 1;
    const answer = device.bytes?.(id) ?? probeMatches(id, device);
    for (let i = 0; i < (device.times ?? 1); i++) socket.send(answer, from.port, from.address, () => {});
  });
  socket.bind(group?.port ?? 0, group === undefined ? '127.0.0.1' : '0.0.0.0');
  await once(socket, 'listening');
  if (group !== undefined) socket.addMembership(group.address, '127.0.0.1');
  return {
    port: socket.address().port,
    probes: () => probes,
    [Symbol.asyncDispose]: () => new Promise((done) => socket.close(() => done())),
  };
}

export function probeMatches(id: string, { xaddrs, scopes = '' }: DiscoveredDevice): Buffer {
  return Buffer.from(
    '<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"' +
      ' xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"' +
      ` xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><SOAP-ENV:Header><wsa:RelatesTo>${id}</wsa:RelatesTo></SOAP-ENV:Header>` +
      '<SOAP-ENV:Body><d:ProbeMatches><d:ProbeMatch><wsa:EndpointReference><wsa:Address>urn:uuid:1</wsa:Address>' +
      `</wsa:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>${scopes}</d:Scopes>` +
      `<d:XAddrs>${xaddrs}</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches>` +
      '</SOAP-ENV:Body></SOAP-ENV:Envelope>',
  );
}
