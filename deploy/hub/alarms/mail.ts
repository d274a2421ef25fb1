// nodemailer 10.6: SMTP with STARTTLS, AUTH, MIME and quoted headers is a protocol with thirty years of corners, and
// this is the client that Node programs have met them with; it depends on nothing else.
import { createTransport } from 'nodemailer';
import { codeOf, Failure } from '#protocol/failure.ts';
import type { PartedLetters } from './alarm-store.ts';
import type { Notice } from './life.ts';
import type { Taken, Way } from './outbox.ts';
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
  /**
   * Resolves when everybody has it but those whom the server refuses for good (5xx, RFC 5321 §4.2.1). Throws
   * `transient` `mail-failed`; who took it by then is not sent it again under the same id, in another life neither.
   */
  send(letter: Letter): Promise<Taken>;
  close(): void;
}

const stepLimitMs = 20_000;
/** Two days at ten minutes (RFC 5321 §4.5.4.1 asks for four or five of a relay): a mailbox that is full for ever holds up nothing. */
const mostTries = 300;

export function openMailer(
  mail: NonNullable<AlarmSettings['mail']>,
  password: string | undefined,
  ca: string | undefined,
  letters: PartedLetters,
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
      const { has, refused, tries } = letters.parted(id) ?? { has: [], refused: [], tries: 0 };
      const settled = new Set([...has, ...refused.map(([who]) => who)]);
      const left = to.filter((one) => !settled.has(addressOf(one)));
      let refusals: readonly Refusal[] = [];
      // Nobody is left where the power went before that was noted, or hub.yaml names them no longer.
      if (left.length > 0)
        try {
          const sent = await transport.sendMail({
            envelope: { from: mail.from, to: left },
            from: mail.from,
            to: [...to],
            subject,
            text,
            messageId: `<${id}@${domain}>`,
            // RFC 3834: no out-of-office answers.
            headers: { 'Auto-Submitted': 'auto-generated' },
          });
          refusals = sent.rejectedErrors ?? [];
        } catch (cause) {
          const { responseCode: answer, rejectedErrors = [] } = cause as Refusal & {
            rejectedErrors?: Refusal[];
          };
          const why = typeof answer === 'number' ? `answers ${answer}` : codeOf(cause);
          // Not the library's own words: a server may repeat in its answer what it was told.
          if (settled.size === 0 || rejectedErrors.length < left.length)
            throw new Failure('transient', 'mail-failed', `the mail server ${url.host}: ${why}`, { cause });
          refusals = rejectedErrors;
        }
      const patient = tries < mostTries;
      const later = refusals.filter((one) => patient && isForNow(one));
      const never = [
        ...refused.filter(([who]) => to.some((one) => addressOf(one) === who)),
        ...refusals.filter((one) => !later.includes(one)).map(refusalOf),
      ];
      const said = (who: readonly (readonly [string, string])[]): string =>
        `the mail server ${url.host}: ${who.map(([, answer]) => answer).join(', ')}`;
      if (later.length > 0) {
        const not = new Set([...later.map(refusalOf), ...never].map(([who]) => who));
        const got = left.map(addressOf).filter((one) => !not.has(one));
        letters.part(id, { has: [...has, ...got], refused: never, tries: tries + 1 });
        // Whom it refuses for good first: that is what somebody has to see to.
        throw new Failure('transient', 'mail-failed', said([...never, ...later.map(refusalOf)]));
      }
      return never.length === 0 ? undefined : { refused: said(never) };
    },
    close: () => transport.close(),
  };
}

/** Of `Name <address>`, as the server repeats it. */
function addressOf(mailbox: string): string {
  return /<([^>]+)>/.exec(mailbox)?.[1] ?? mailbox;
}

/** What a server answered for one of several recipients. */
interface Refusal {
  recipient?: string | undefined;
  responseCode?: number | undefined;
}

/** Such as one that greylists (RFC 6647): it takes the letter at another time. */
function isForNow({ responseCode = 0 }: Refusal): boolean {
  return responseCode < 500;
}

/** Who, and what the server answers for them. */
function refusalOf({ recipient = '', responseCode }: Refusal): [string, string] {
  return [recipient, `answers ${responseCode} for ${recipient}`];
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
