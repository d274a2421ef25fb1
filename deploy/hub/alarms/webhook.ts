import { createHmac } from 'node:crypto';
import { openHttpClient } from '#agent/platform/http-client.ts';
import { Failure } from '#protocol/failure.ts';
import { instantText } from '#protocol/time.ts';
import { conditionOf, idOf, subjectOf } from './alarm.ts';
import type { Notice } from './life.ts';
import type { Way } from './outbox.ts';
import { explained, type Form, placeOf, saidOf, tell } from './words.ts';

const stallMs = 20_000;

/**
 * POSTs JSON, `{version: 1, id, at, events[]}`. `peio-signature: t=SECONDS,v1=HEX` is HMAC-SHA256 of `SECONDS.BODY`:
 * whoever receives it compares, refuses what is older than minutes, and takes each `id` once. Taken is any 2xx.
 */
export function webhookWay(options: {
  url: string;
  key: string;
  ca: string | undefined;
  form: Form;
  utc(): number;
}): Way & { close(): void } {
  const client = openHttpClient({ tls: { ca: options.ca }, stallMs, maxReplyBytes: 64 * 1024 });
  return {
    name: 'webhook',
    most: 50,
    async send({ id, notices }, signal) {
      const at = options.utc();
      const body = Buffer.from(
        JSON.stringify({
          version: 1,
          id,
          at: instantText(at),
          events: notices.map((notice) => eventOf(notice, options.form)),
        }),
      );
      const { status } = await client.ask({
        method: 'POST',
        url: options.url,
        headers: {
          'content-type': 'application/json',
          'peio-delivery': id,
          'peio-signature': signatureOf(options.key, Math.floor(at / 1000), body),
        },
        body: {
          bytes: body.length,
          pieces: (async function* () {
            yield body;
          })(),
        },
        signal,
      });
      if (status < 200 || status > 299)
        throw new Failure('transient', 'webhook-refused', `the webhook answers ${status}`);
    },
    close: () => client.close(),
  };
}

export function signatureOf(key: string, seconds: number, body: Uint8Array): string {
  const mac = createHmac('sha256', key).update(`${seconds}.`).update(body).digest('hex');
  return `t=${seconds},v1=${mac}`;
}

function eventOf(notice: Notice, form: Form): Record<string, unknown> {
  const { alarm, kind, at, explains, flapping } = notice;
  const subject = subjectOf(alarm.key);
  return {
    event: kind,
    at: instantText(at),
    alarm: idOf(alarm),
    node: alarm.node,
    condition: conditionOf(alarm.key),
    ...(subject === undefined ? {} : { subject }),
    severity: alarm.severity,
    since: instantText(alarm.since),
    place: placeOf(alarm, form.places),
    detail: saidOf(alarm, form.places, form.lang).text,
    ...explained(alarm, form),
    explains,
    flapping,
    text: tell(notice, form).subject,
  };
}
