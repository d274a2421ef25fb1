import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { codeOf, Failure } from '#protocol/failure.ts';

const minute = 60_000;
const path = z.string().min(1).max(1000);
const mailbox = z
  .string()
  .max(320)
  .regex(/^(?:[^<>\r\n"]{1,200} <)?[^\s<>@"]{1,64}@[^\s<>@"]{1,255}>?$/, 'is no mail address');
const recipients = z.array(mailbox).max(20);
const timeOfDay = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'is no time of day such as 07:00');
const severity = z.enum(['info', 'warning', 'critical']);
const lapse = z
  .string()
  .regex(/^\d{1,4}[mh]$/, 'is no time such as 30m or 2h')
  .transform((text) => Number(text.slice(0, -1)) * (text.endsWith('h') ? 60 : 1) * minute)
  .refine((ms) => ms >= minute && ms <= 7 * 1440 * minute, 'must lie between 1m and 168h');
/** Secrets stand in files of their own: in an address they would end in logs. */
const plainUrl = (...schemes: string[]) =>
  z
    .string()
    .max(500)
    .regex(
      new RegExp(`^(?:${schemes.join('|')})://[^@\\s/]+(?:/[^@\\s]*)?$`),
      `is no address with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}, without a password`,
    );
const loopback = /^[a-z]+:\/\/(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])(?=[:/]|$)/;

/** How alarms leave the town hall. Nothing here: they stand on the page and in `hub alarms`. */
export const alarmSettings = z.strictObject({
  /** A critical alarm that nobody acknowledged for this long goes to `mail.escalate` too. */
  escalate: lapse.optional(),
  /** Local time in which mail of these severities waits; what is over by then only stands in the summary. */
  quiet: z
    .strictObject({
      from: timeOfDay,
      to: timeOfDay,
      severities: z.array(severity).min(1).default(['info', 'warning']),
    })
    .refine(({ from, to }) => from !== to, 'from and to are the same time')
    .optional(),
  mail: z
    .strictObject({
      /** smtps://HOST:465, or smtp://HOST:587 with STARTTLS, which is not optional beyond loopback. */
      server: plainUrl('smtps', 'smtp'),
      ca: path.optional(),
      user: z.string().min(1).max(200).optional(),
      /** The name of a secret: a file in $CREDENTIALS_DIRECTORY, else below the hub's folder. */
      password: path.optional(),
      from: mailbox,
      /** Who maintains the fleet. */
      to: recipients.min(1),
      escalate: recipients.default([]),
      /** Who may know of requests: overdue cases and drills go to nobody else. */
      office: recipients.default([]),
      /** Local time of the daily summary. */
      daily: timeOfDay.optional(),
    })
    .refine(
      ({ user, password }) => (user === undefined) === (password === undefined),
      'user and password go together',
    )
    .optional(),
  webhook: z
    .strictObject({
      url: plainUrl('https', 'http').refine(
        (url) => url.startsWith('https:') || loopback.test(url),
        'must be https:// beyond loopback',
      ),
      ca: path.optional(),
      /** The name of a secret of at least 16 bytes, for HMAC-SHA256. */
      key: path,
    })
    .optional(),
  /** `http://127.0.0.1:9093`, as it stands before `/api/v2/alerts`. */
  alertmanager: z.strictObject({ url: plainUrl('https', 'http'), ca: path.optional() }).optional(),
});
export type AlarmSettings = z.output<typeof alarmSettings>;

export interface AlarmSecrets {
  mailPassword?: string;
  webhookKey?: string;
}

/** What the files say. Throws a `config` failure that names every one that cannot be used, and none of what they hold. */
export function readAlarmSecrets(
  settings: AlarmSettings,
  dir: string,
  env: Readonly<Record<string, string | undefined>>,
): AlarmSecrets {
  const problems: string[] = [];
  const read = (at: string, named: string | undefined, least: number): string | undefined => {
    if (named === undefined) return undefined;
    const credential = env['CREDENTIALS_DIRECTORY'];
    const given = credential === undefined || named.includes('/') ? undefined : join(credential, named);
    const file = given !== undefined && existsSync(given) ? given : resolve(dir, named);
    try {
      const secret = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
      if (Buffer.byteLength(secret) >= least && Buffer.byteLength(secret) <= 4096) return secret;
      problems.push(`  ${at}: ${file} holds fewer than ${least} bytes, or more than 4096`);
    } catch (cause) {
      problems.push(`  ${at}: ${file} cannot be read (${codeOf(cause)})`);
    }
    return undefined;
  };
  const mailPassword = read('alarms.mail.password', settings.mail?.password, 1);
  const webhookKey = read('alarms.webhook.key', settings.webhook?.key, 16);
  if (problems.length > 0) throw new Failure('config', 'hub-yaml', `hub.yaml:\n${problems.join('\n')}`);
  return {
    ...(mailPassword === undefined ? {} : { mailPassword }),
    ...(webhookKey === undefined ? {} : { webhookKey }),
  };
}

export { loopback };
