import { createHash } from 'node:crypto';
import type { UtcMs } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';

/** Who asks. */
export interface SoapUser {
  user: string;
  password: string;
}

/** Some devices go by the action here, some by the header, some by the body. */
export function soapType(action: string): string {
  return `application/soap+xml; charset=utf-8; action="${action}"`;
}

/**
 * A SOAP 1.2 request. `action` and `to` are headers of WS-Addressing, which the event service asks for and not every
 * device understands; the user travels as WS-UsernameToken with a digest (Web Services Security UsernameToken Profile 1.1
 * §3.1), never the password. `at` is by the device's clock: it refuses a token that this calls old.
 */
export function soapRequest(
  parts: {
    action: string;
    to: string;
    body: string;
    at: UtcMs;
    random: Random;
    /** Goes back as the reference parameter that it came as. */
    subscription?: string | undefined;
  },
  credentials: SoapUser | undefined,
): Buffer {
  const { action, to, body, at, random, subscription } = parts;
  const reference =
    subscription === undefined
      ? ''
      : `<SubscriptionId xmlns="http://www.axis.com/2009/event" a:IsReferenceParameter="true">${subscription}</SubscriptionId>`;
  const id = random.bytes(16).toString('hex');
  return Buffer.from(
    '<?xml version="1.0" encoding="UTF-8"?>' +
      '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">' +
      `<s:Header><a:Action>${action}</a:Action><a:MessageID>urn:uuid:${id}</a:MessageID>` +
      `<a:To>${escaped(to)}</a:To>${reference}${token(at, random, credentials)}</s:Header>` +
      `<s:Body>${body}</s:Body></s:Envelope>`,
  );
}

const wss = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-';

function token(at: UtcMs, random: Random, credentials: SoapUser | undefined): string {
  if (credentials === undefined) return '';
  const nonce = random.bytes(16);
  const created = new Date(at).toISOString();
  const digest = createHash('sha1')
    .update(nonce)
    .update(created)
    .update(credentials.password)
    .digest('base64');
  return (
    `<w:Security s:mustUnderstand="1" xmlns:w="${wss}wssecurity-secext-1.0.xsd"><w:UsernameToken>` +
    `<w:Username>${escaped(credentials.user)}</w:Username>` +
    `<w:Password Type="${wss}username-token-profile-1.0#PasswordDigest">${digest}</w:Password>` +
    `<w:Nonce EncodingType="${wss}soap-message-security-1.0#Base64Binary">${nonce.toString('base64')}</w:Nonce>` +
    `<u:Created xmlns:u="${wss}wssecurity-utility-1.0.xsd">${created}</u:Created></w:UsernameToken></w:Security>`
  );
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
