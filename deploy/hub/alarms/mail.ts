// nodemailer 10.6: SMTP with STARTTLS, AUTH, MIME and quoted headers is a protocol with thirty years of corners, and
// this is the client that Node programs have met them with; it depends on nothing else.
import { createTransport } from 'nodemailer';
import { codeOf, Failure } from '#protocol/failure.ts';
import type { Notice } from './life.ts';
import type { Way } from './outbox.ts';
import { type AlarmSettings, loopback } from './settings.ts';
import { type Form, tell } from './words.ts';

export interface Letter {
  to: readonly string[];
  subject: string;
  text: string;
  /** Unique to this letter, and the same when it is sent again: mail programs show one of them. */
  id: string;
}

export interface Mailer {
  /** Throws `transient` `mail-failed`. */
  send(letter: Letter): Promise<void>;
  close(): void;
}

const stepLimitMs = 20_000;

export function openMailer(
  mail: NonNullable<AlarmSettings['mail']>,
  password: string | undefined,
  ca: string | undefined,
): Mailer {
  const url = new URL(mail.server.replace(/^smtps?/, 'http'));
  const secure = mail.server.startsWith('smtps:');
  const transport = createTransport({
    host: url.hostname.replaceAll(/[[\]]/g, ''),
    port: Number(url.port || (secure ? 465 : 587)),
    secure,
    // A password or an alarm in the clear never leaves this machine.
    requireTLS: !secure && !loopback.test(mail.server),
    ...(mail.user === undefined ? {} : { auth: { user: mail.user, pass: password ?? '' } }),
    tls: { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) },
    connectionTimeout: stepLimitMs,
    greetingTimeout: stepLimitMs,
    socketTimeout: stepLimitMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = /@([^\s>]+)>?$/.exec(mail.from)?.[1] ?? 'peio-hub';
  return {
    async send({ to, subject, text, id }) {
      try {
        await transport.sendMail({
          from: mail.from,
          to: [...to],
          subject,
          text,
          messageId: `<${id}@${domain}>`,
          // RFC 3834: no out-of-office answers.
          headers: { 'Auto-Submitted': 'auto-generated' },
        });
      } catch (cause) {
        const answer = (cause as { responseCode?: unknown }).responseCode;
        const why = typeof answer === 'number' ? `answers ${answer}` : codeOf(cause);
        // Not the library's own words: a server may repeat in its answer what it was told.
        throw new Failure('transient', 'mail-failed', `the mail server ${url.host}: ${why}`, { cause });
      }
    },
    close: () => transport.close(),
  };
}

/** More than one notice in a letter is a list. */
export function mailWay(name: string, mailer: Mailer, to: readonly string[], form: Form): Way {
  return {
    name,
    most: 20,
    send: ({ id, notices }) => mailer.send({ to, id, ...letterOf(notices, form) }),
  };
}

export function letterOf(notices: readonly Notice[], form: Form): { subject: string; text: string } {
  const told = notices.map((notice) => tell(notice, form));
  const [first] = told;
  const more = told.length > 1 ? ` (+${told.length - 1})` : '';
  return {
    // No line end, no endless name: it is a header.
    subject: `[Peio] ${first?.subject ?? ''}${more}`.replaceAll(/\s+/g, ' ').slice(0, 200),
    text: `${told.map(({ subject, text }) => (told.length > 1 ? `${subject}\n\n${text}` : text)).join('\n\n---\n\n')}\n`,
  };
}
