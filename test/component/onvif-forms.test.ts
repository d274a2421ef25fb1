import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { converse } from '#agent/health/onvif-conversation.ts';
import type { OnvifAnswer } from '#agent/health/onvif-question.ts';
import { startOnvifDevice } from '../simulator/onvif.ts';
import { suite } from '../support/suite.ts';

const test = suite('the many forms of ONVIF answers', { timeoutMs: 60_000 });
const account = { user: 'osd', password: 'sestò & grado' };

/** What one device says to an operation: the contents of its Body, or anything else by hand. */
type Said = string | ((request: Asked, response: ServerResponse) => void) | undefined;
interface Asked {
  operation: string;
  path: string;
  body: string;
  headers: IncomingMessage['headers'];
}
interface Form {
  says(asked: Asked, origin: string): Said;
  /** Of the envelope: `s`, `SOAP-ENV`, or none at all. */
  prefix?: string;
  send?(response: ServerResponse, status: number, xml: string): void;
  faultStatus?: number;
}

const soap = 'http://www.w3.org/2003/05/soap-envelope';
function envelope(prefix: string, inner: string): string {
  const [p, xmlns] = prefix === '' ? ['', `xmlns="${soap}"`] : [`${prefix}:`, `xmlns:${prefix}="${soap}"`];
  return `\ufeff<?xml version='1.0'?>\r\n<${p}Envelope ${xmlns}>\r\n<${p}Header/><${p}Body>\r\n${inner}\r\n</${p}Body></${p}Envelope>\r\n`;
}
const fault = (prefix: string, subcode: string, words: string): string =>
  envelope(
    prefix,
    `<${prefix}:Fault><${prefix}:Code><${prefix}:Value>${prefix}:Sender</${prefix}:Value><${prefix}:Subcode><${prefix}:Value>${subcode}</${prefix}:Value>` +
      `</${prefix}:Subcode></${prefix}:Code><${prefix}:Reason><${prefix}:Text xml:lang="en">${words}</${prefix}:Text></${prefix}:Reason></${prefix}:Fault>`,
  );

async function serve(form: Form): Promise<AsyncDisposable & { origin: string; asked: string[] }> {
  const asked: string[] = [];
  const { prefix = 's', send = plainly, faultStatus = 500 } = form;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const operation = /Body[^>]*>\s*<(\w+) /.exec(body)?.[1] ?? '';
    const path = request.url ?? '';
    asked.push(`${operation} ${path}`);
    const said = form.says({ operation, path, body, headers: request.headers }, origin);
    if (typeof said === 'function') said({ operation, path, body, headers: request.headers }, response);
    else if (said === undefined)
      send(response, faultStatus, fault(prefix || 's', 'ter:ActionNotSupported', 'no such thing'));
    else send(response, 200, envelope(prefix, said));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
function plainly(response: ServerResponse, status: number, xml: string): void {
  response.writeHead(status, { 'content-type': 'text/xml' }).end(xml);
}

const dateAndTime = (ms = Date.now()): string => {
  const now = new Date(ms);
  return (
    `<d:GetSystemDateAndTimeResponse><d:SystemDateAndTime><UTCDateTime><Time><Hour>${now.getUTCHours()}</Hour>` +
    `<Minute>${now.getUTCMinutes()}</Minute><Second>${now.getUTCSeconds()}</Second></Time><Date><Year>${now.getUTCFullYear()}</Year>` +
    `<Month>${now.getUTCMonth() + 1}</Month><Day>${now.getUTCDate()}</Day></Date></UTCDateTime></d:SystemDateAndTime></d:GetSystemDateAndTimeResponse>`
  );
};
const information =
  '<GetDeviceInformationResponse><Manufacturer>M</Manufacturer><Model>X</Model><FirmwareVersion>1.0</FirmwareVersion></GetDeviceInformationResponse>';
const service = (name: string, address: string): string =>
  `<Service><Namespace>http://www.onvif.org/${name}/wsdl</Namespace><XAddr>${address}</XAddr></Service>`;
const services = (...all: string[]): string => `<GetServicesResponse>${all.join('')}</GetServicesResponse>`;
const profiles =
  "<trt:GetProfilesResponse><trt:Profiles fixed='true'\n token='a'><tt:VideoSourceConfiguration><tt:SourceToken>v</tt:SourceToken></tt:VideoSourceConfiguration>" +
  '<tt:VideoEncoderConfiguration><tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>640</tt:Width><tt:Height> 480 </tt:Height></tt:Resolution></tt:VideoEncoderConfiguration>' +
  '</trt:Profiles></trt:GetProfilesResponse>';
const uri =
  '<GetStreamUriResponse><MediaUri><Uri>rtsp://10.0.0.1/one</Uri></MediaUri></GetStreamUriResponse>';

/** What every device here says, but where one of them says otherwise. */
const usual =
  (where: (origin: string) => string, own: Form['says'] = () => undefined): Form['says'] =>
  (asked, origin) => {
    const common: Record<string, string> = {
      GetSystemDateAndTime: dateAndTime(),
      GetDeviceInformation: information,
      GetServices: where(origin),
      GetProfiles: profiles,
      GetStreamUri: uri,
    };
    return own(asked, origin) ?? common[asked.operation];
  };

async function ask(origin: string, known = false, ptz = false): Promise<OnvifAnswer> {
  return await converse({
    url: `${origin}/onvif/device_service`,
    ptz,
    limitMs: 10_000,
    ...(known ? account : {}),
  });
}
const said = ({ error, information: told, profiles: found }: OnvifAnswer) => [
  error,
  told?.model,
  found?.[0]?.uri,
];
const all = [undefined, 'X', 'rtsp://10.0.0.1/one'];

test('whatever the prefix, the type, the line ends and the way a connection ends', async () => {
  const where = (origin: string): string =>
    services(service('ver10/device', origin), service('ver10/media', `${origin}/media`));
  const forms: Partial<Form>[] = [
    { prefix: 'SOAP-ENV' },
    { prefix: 'soapenv', send: (response, status, xml) => response.writeHead(status).end(xml) },
    {
      prefix: 'env',
      send(response, status, xml) {
        // In chunks of nine bytes, cut anywhere.
        response.writeHead(status, { 'content-type': 'application/soap+xml' });
        const bytes = Buffer.from(xml);
        for (let at = 0; at < bytes.length; at += 9) response.write(bytes.subarray(at, at + 9));
        response.end();
      },
    },
    {
      prefix: '',
      send(response, status, xml) {
        // As of 1996: the end of the connection is the end of the answer.
        response.socket?.end(`HTTP/1.0 ${status} OK\r\nContent-Type: text/html\r\n\r\n${xml}`);
      },
    },
  ];
  for (const form of forms) {
    await using device = await serve({ says: usual(where), ...form });
    assert.equal(said(await ask(device.origin)), all, form.prefix);
    assert.ok(device.asked.includes('GetProfiles /media'), 'where it is said to be');
  }
});

test('services told by GetCapabilities alone, by both, at an address of nobody’s, or nowhere', async () => {
  const capabilities = (origin: string): string =>
    `<GetCapabilitiesResponse><Capabilities><tt:Device><tt:XAddr>${origin}</tt:XAddr></tt:Device><tt:Events><tt:XAddr>${origin}/ev</tt:XAddr></tt:Events>` +
    `<tt:Media><tt:XAddr>${origin}/m?x=1&amp;y=2</tt:XAddr><tt:StreamingCapabilities/></tt:Media></Capabilities></GetCapabilitiesResponse>`;
  const old = (address: (origin: string) => string, listed: Said): Form => ({
    says: usual(
      () => '',
      ({ operation }, origin) =>
        operation === 'GetCapabilities'
          ? capabilities(address(origin))
          : operation === 'GetServices'
            ? listed || ((_, response) => plainly(response, 200, fault('s', 'ter:ActionNotSupported', '')))
            : undefined,
    ),
  });
  for (const form of [
    old((origin) => origin, undefined),
    old(() => 'http://0.0.0.0:8899', undefined),
    // A list of one.
    old(() => 'http://192.168.1.108', services(service('ver10/device', 'http://192.168.1.108/'))),
    // The host that was configured at a port where nobody listens, as behind a router.
    old(() => 'http://127.0.0.1:9', undefined),
  ]) {
    await using device = await serve(form);
    const answer = await ask(device.origin);
    assert.equal(said(answer), all);
    assert.ok(device.asked.includes('GetProfiles /m?x=1&y=2'));
    assert.match(answer.events ?? '', /\/ev$/);
  }
  await using silent = await serve({
    says: usual(
      () => '',
      ({ operation }) =>
        operation === 'GetServices'
          ? (_, response) => plainly(response, 500, fault('s', 'ter:ActionNotSupported', ''))
          : undefined,
    ),
    faultStatus: 400,
  });
  assert.equal(said(await ask(silent.origin)), all, 'all in one place');
  assert.ok(silent.asked.includes('GetProfiles /onvif/device_service'));
});

test('a service at a port of its own on the device; the newer of two, and the older where it fails', async () => {
  await using media = await serve({ says: usual(() => '') });
  await using device = await serve({
    says: usual(
      () =>
        services(
          service('ver20/media', `${media.origin}/two`),
          service('ver10/media', `${media.origin}/one`),
        ),
      ({ operation }) => (operation === 'GetProfiles' ? '' : undefined),
    ),
  });
  assert.equal(said(await ask(device.origin)), all);
  assert.equal(media.asked, ['GetProfiles /two', 'GetStreamUri /two']);

  await using careless = await serve({
    says: usual(
      (origin) => services(service('ver20/media', `${origin}/two`), service('ver10/media', `${origin}/one`)),
      ({ path }) =>
        path === '/two' ? (_, response) => response.writeHead(404).end('<html>no</html>') : undefined,
    ),
  });
  assert.equal(said(await ask(careless.origin)), all);
});

test('a device without pictures, positions or facts about itself is no fault; one that talks nonsense is', async () => {
  await using relay = await serve({
    says: usual((origin) => services(service('ver10/device', origin), service('ver10/deviceIO', origin))),
  });
  const answer = await ask(relay.origin, false, true);
  assert.equal(
    [answer.error, answer.information?.model, answer.profiles, answer.position],
    [undefined, 'X', undefined, undefined],
  );
  await using shy = await serve({
    says: usual(
      (origin) => services(service('ver10/media', `${origin}/m`)),
      ({ operation }) =>
        operation === 'GetDeviceInformation'
          ? (_, response) => plainly(response, 500, fault('s', 'ter:ActionNotSupported', ''))
          : undefined,
    ),
  });
  assert.equal(said(await ask(shy.origin, false, true)), [undefined, undefined, all[2]]);

  await using router = await serve({ says: () => (_, response) => response.writeHead(404).end('<html/>') });
  assert.is((await ask(router.origin)).error, 'broken');
});

test('who is refused is told so, whatever the words, and asked for nothing more', async () => {
  const refusals: ((response: ServerResponse) => void)[] = [
    (response) => plainly(response, 400, fault('s', 'ter:NotAuthorized', 'Sender not Authorized')),
    (response) =>
      plainly(response, 500, fault('SOAP-ENV', 'wsse:FailedAuthentication', 'The token is not ours')),
    (response) => plainly(response, 200, fault('env', 'x', 'Not authorized')),
    (response) => response.writeHead(401).end(),
    (response) => response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
    (response) => response.writeHead(403).end('<html>Forbidden</html>'),
  ];
  for (const refuse of refusals) {
    await using device = await serve({
      says: usual(
        () => '',
        ({ operation }) =>
          operation === 'GetSystemDateAndTime' ? undefined : (_, response) => refuse(response),
      ),
    });
    assert.is((await ask(device.origin, true)).error, 'auth', String(refuse));
    assert.is(device.asked.length, 2);
  }
});

test('a device that tells even its time to users alone gets a token of now, by letters of any alphabet', async () => {
  let tokens = 0;
  await using device = await serve({
    says: usual(
      (origin) => services(service('ver10/media', `${origin}/m`)),
      ({ body }) => {
        const field = (name: string): string =>
          new RegExp(`<${name}(?: [^>]*)?>([^<]*)<`).exec(body)?.[1] ?? '';
        const digest = createHash('sha1')
          .update(Buffer.from(field('Nonce'), 'base64'))
          .update(field('Created') + account.password)
          .digest('base64');
        const fresh = Math.abs(Date.parse(field('Created')) - Date.now()) < 60_000;
        if (fresh && digest === field('Password') && field('Username') === account.user) tokens += 1;
        else return (_, response) => response.writeHead(401).end();
        return undefined;
      },
    ),
  });
  const answer = await ask(device.origin, true);
  assert.equal(said(answer), all);
  assert.ok(Math.abs(answer.clockOffsetMs ?? 1e9) < 5000);
  assert.ok(tokens >= 4);
});

test('HTTP digest of every kind, for a name that XML would write otherwise', async () => {
  const odd = { user: 'o<s>d "1"', password: 'sestò & grado' };
  for (const digest of [
    { schemes: ['MD5'], qop: false },
    { schemes: ['Basic', 'SHA-256'], qop: true, oneHeader: false },
  ] as const) {
    await using device = await startOnvifDevice({ ...odd, digest });
    const question = { url: device.url, ptz: false, limitMs: 10_000 };
    const answer = await converse({ ...question, ...odd });
    assert.equal([answer.error, answer.information?.model], [undefined, 'Walkers 1']);
    assert.is(device.unauthorised(), 0);
    const wrong = await converse({ ...question, ...odd, password: 'another' });
    assert.equal([wrong.error, device.unauthorised()], ['auth', 1], 'one attempt');
  }
});
