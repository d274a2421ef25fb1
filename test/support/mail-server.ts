import { createServer, type Socket } from 'node:net';

export interface ReceivedMail {
  from: string;
  to: string[];
  /** Unfolded and decoded, by name in lower case. */
  headers: Record<string, string>;
  text: string;
}

/** A mail server in this process, as much of RFC 5321 as a client needs, that fails on command. */
export interface MailServer extends AsyncDisposable {
  port: number;
  mails: ReceivedMail[];
  /** What was said by AUTH PLAIN, decoded. */
  logins: string[];
  /** `DATA`s begun. */
  tries(): number;
  /** `refuse` answers 451; `mute` takes the letter and never says so; `taken` says so. */
  mood: 'taken' | 'refuse' | 'mute';
  /** How often a letter was offered for somebody. */
  asked(recipient: string): number;
  /** What is answered to those who are named here. */
  refused: Map<string, string>;
}

export async function mailServer(options: { login?: boolean } = {}): Promise<MailServer> {
  const sockets = new Set<Socket>();
  let tries = 0;
  const asked = new Map<string, number>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // A client that was killed.
    socket.once('close', () => sockets.delete(socket));
    let from = '';
    let to: string[] = [];
    let data: string | undefined;
    let rest = '';
    const say = (line: string): void => void socket.write(`${line}\r\n`);
    const hear = (line: string): unknown => {
      const word = line.slice(0, 4).toUpperCase();
      if (word === 'EHLO') return say(options.login ? '250-test\r\n250 AUTH PLAIN' : '250 test');
      if (word === 'AUTH') {
        server.logins.push(Buffer.from(line.split(' ')[2] ?? '', 'base64').toString());
        return say('235 2.7.0 welcome');
      }
      if (word === 'MAIL') {
        from = /<([^>]*)>/.exec(line)?.[1] ?? '';
        to = [];
        return say('250 ok');
      }
      if (word === 'RCPT') {
        const recipient = /<([^>]*)>/.exec(line)?.[1] ?? '';
        asked.set(recipient, (asked.get(recipient) ?? 0) + 1);
        const answer = server.refused.get(recipient);
        if (answer !== undefined) return say(answer);
        to.push(recipient);
        return say('250 ok');
      }
      if (word === 'DATA') {
        if (to.length === 0) return say('554 5.5.1 no valid recipients');
        tries += 1;
        if (server.mood === 'refuse') return say('451 4.7.1 later');
        data = '';
        return say('354 go on');
      }
      if (word === 'QUIT') {
        say('221 bye');
        return void socket.end();
      }
      return say('250 ok');
    };
    say('220 test ESMTP');
    socket.on('data', (chunk) => {
      rest += chunk.toString('latin1');
      for (;;) {
        const end = rest.indexOf('\r\n');
        if (end === -1) return;
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (data === undefined) hear(line);
        else if (line !== '.') data += `${line.startsWith('.') ? line.slice(1) : line}\r\n`;
        else {
          server.mails.push({ from, to, ...parsed(data) });
          data = undefined;
          if (server.mood !== 'mute') say('250 2.0.0 taken');
        }
      }
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const server: MailServer = {
    port: (listener.address() as { port: number }).port,
    mails: [],
    logins: [],
    tries: () => tries,
    asked: (recipient) => asked.get(recipient) ?? 0,
    mood: 'taken',
    refused: new Map(),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
  return server;
}

function parsed(mail: string): Pick<ReceivedMail, 'headers' | 'text'> {
  const blank = mail.indexOf('\r\n\r\n');
  const headers: Record<string, string> = {};
  for (const line of mail
    .slice(0, blank)
    .replaceAll(/\r\n[ \t]+/g, ' ')
    .split('\r\n')) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = words(line.slice(colon + 1).trim());
  }
  const body = mail.slice(blank + 4);
  const how = headers['content-transfer-encoding'];
  const bytes =
    how === 'base64'
      ? Buffer.from(body, 'base64')
      : how === 'quoted-printable'
        ? quoted(body.replaceAll('=\r\n', ''))
        : Buffer.from(body, 'latin1');
  return { headers, text: bytes.toString('utf8').replaceAll('\r\n', '\n') };
}

function quoted(text: string): Buffer {
  return Buffer.from(
    text.replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}

/** RFC 2047. */
function words(text: string): string {
  return text
    .replaceAll(/\?=\s+=\?/g, '?==?')
    .replaceAll(/=\?utf-8\?([qb])\?([^?]*)\?=/gi, (_, how: string, word: string) =>
      (how.toLowerCase() === 'b' ? Buffer.from(word, 'base64') : quoted(word.replaceAll('_', ' '))).toString(
        'utf8',
      ),
    );
}
