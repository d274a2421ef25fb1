import { randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { pause, systemClock } from '#agent/platform/clock.ts';
import { readIfThere, systemFiles, writeDurably } from '#agent/platform/files.ts';
import { type Answer, type Asked, listenHttp, type Reply } from '#agent/platform/http.ts';
import { pageFiles, pageHeaders } from '#agent/view/document.ts';
import { parseJson } from '#protocol/envelope.ts';
import { Failure, sentenceOf } from '#protocol/failure.ts';
import { sameSite, tokenOf } from '../page/web-address.ts';
import type { Viewing } from '../viewing/clear.ts';
import { takeStill } from '../viewing/still.ts';
import { drawDocument } from './draw-document.ts';
import { shapeOf } from './masked-film.ts';
import { maskedStills } from './masked-still.ts';
import { type MaskFile, maxMasksBytes, parseMasks } from './masks.ts';

const view = join(import.meta.dirname, '..', '..', '..', 'agent', 'view');
const files: Readonly<Record<string, { path: string; type: string }>> = {
  '/page.css': { path: join(view, pageFiles['/page.css']?.file ?? ''), type: 'text/css; charset=utf-8' },
  '/icon.svg': { path: join(view, pageFiles['/icon.svg']?.file ?? ''), type: 'image/svg+xml' },
  '/masks.css': { path: join(import.meta.dirname, 'browser', 'masks.css'), type: 'text/css; charset=utf-8' },
  '/masks.js': {
    path: join(import.meta.dirname, 'browser', 'masks.js'),
    type: 'text/javascript; charset=utf-8',
  },
};
const maxFileBytes = 256 * 1024;
/** Wide enough to draw on; a decoder takes the time of the whole picture anyway. */
const stillWidthPx = 1280;
const cookie = 'peio-masks';
/** A page that was closed at once does not say that it has heard. */
const toldMs = 2000;

/** What is drawn on, and where what is drawn goes. */
export interface Drawing {
  clear: Viewing;
  lang: 'it' | 'en';
  zone: string;
  /** masks.json; there already, it is what one begins with. */
  file: string;
  begin: MaskFile | undefined;
  say(url: string): void;
  signal?: AbortSignal;
}

/**
 * A page on loopback to draw the regions over stills, until they are saved into `file`. Its address holds a token that
 * counts once; then a cookie does. Stills are made when they are asked for, from RAM, and are never to be stored. It
 * gives nothing to another host name, another site or another browser. Throws `listen-failed`, `cancelled`.
 */
export async function drawMasks(drawing: Drawing): Promise<MaskFile> {
  const { clear, say, signal } = drawing;
  const shape = await shapeOf((clear.files[0] as Viewing['files'][number]).path);
  const [token, session] = [randomBytes(24).toString('base64url'), randomBytes(24).toString('base64url')];
  const saved = Promise.withResolvers<MaskFile>();
  /** The page has heard that it is saved. */
  const told = new AbortController();
  let spent = false;
  let origin = '';
  let preview: Buffer | undefined;
  /** One decoder at a time, however often somebody pulls at the slider. */
  let before: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = before.then(work, work);
    before = mine.catch(() => undefined);
    return mine;
  };
  const facts = {
    picture: { width: shape.width, height: shape.height },
    zone: drawing.zone,
    stretches: clear.files.flatMap(({ stretches }) => stretches.map(({ start, end }) => ({ start, end }))),
    ...(drawing.begin ? { masks: JSON.parse(drawing.begin.bytes.toString('utf8')) } : {}),
  };

  const answers: Record<string, (asked: Asked) => Promise<Reply>> = {
    'GET /': async () => reply(200, 'text/html; charset=utf-8', drawDocument(drawing.lang, shape)),
    'GET /facts.json': async () => json(200, facts),
    'GET /still.jpg': async ({ query }) => {
      const how = { format: 'jpeg', widthPx: stillWidthPx } as const;
      const { bytes } = await inTurn(() => takeStill(clear, instantIn(query.get('at')), how));
      return reply(200, 'image/jpeg', bytes);
    },
    'POST /preview': async ({ body }) => {
      const { at, masks } = (parseJson(body) ?? {}) as { at?: unknown; masks?: unknown };
      const shoot = maskedStills(clear, parseMasks(Buffer.from(JSON.stringify(masks ?? null))).masks);
      const how = { format: 'jpeg', widthPx: stillWidthPx } as const;
      preview = (await inTurn(() => shoot(instantIn(at), how))).bytes;
      return json(200, {});
    },
    'GET /preview.jpg': async () =>
      preview ? reply(200, 'image/jpeg', preview) : reply(404, 'text/plain', 'nothing\n'),
    'POST /masks': async ({ body }) => {
      const parsed = parseMasks(body);
      await writeDurably(systemFiles, drawing.file, body.toString('utf8'));
      saved.resolve({ ...parsed, bytes: Buffer.from(body) });
      return json(200, {});
    },
    'POST /done': async () => {
      told.abort();
      return json(200, {});
    },
  };
  const answer: Answer = async (asked) => {
    if (asked.headers['host'] !== origin.slice('http://'.length))
      return reply(421, 'text/plain', 'not here\n');
    const given = asked.query.get('token');
    if (asked.method === 'GET' && asked.path === '/' && given !== null) {
      if (spent || !same(given, token)) return reply(403, 'text/plain', 'this address has been used\n');
      spent = true;
      const kept = `${cookie}=${session}; HttpOnly; SameSite=Strict; Path=/`;
      return reply(303, 'text/plain', '', { location: '/', 'set-cookie': kept });
    }
    const file = asked.method === 'GET' ? files[asked.path] : undefined;
    if (file) {
      const bytes = await readIfThere(systemFiles, file.path, maxFileBytes);
      return bytes ? reply(200, file.type, bytes) : reply(404, 'text/plain', 'nothing\n');
    }
    if (!same(tokenOf(asked, cookie) ?? '', session)) return reply(403, 'text/plain', 'not for you\n');
    if (asked.method === 'POST' && !sameSite(asked)) return reply(403, 'text/plain', 'not from there\n');
    const found = answers[`${asked.method} ${asked.path}`];
    if (found === undefined) return reply(404, 'text/plain', 'nothing\n');
    try {
      return await found(asked);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return json(422, { code: error.code, sentence: sentenceOf(error) });
    }
  };
  const server = await listenHttp({ host: '127.0.0.1', port: 0 }, answer, {
    maxBodyBytes: maxMasksBytes,
    failed: saved.reject,
  });
  const cancel = (): void => saved.reject(new Failure('denied', 'cancelled', 'nothing was drawn'));
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    origin = `http://127.0.0.1:${server.port}`;
    say(`${origin}/?token=${token}`);
    const masks = await saved.promise;
    await pause(systemClock, toldMs, told.signal);
    return masks;
  } finally {
    signal?.removeEventListener('abort', cancel);
    await before.catch(() => undefined);
    await server.close();
  }
}

function reply(status: number, type: string, body: string | Buffer, headers = {}): Reply {
  return { status, type, body, headers: { ...pageHeaders, ...headers } };
}

/** An instant that a page asked for. Throws `malformed`. */
function instantIn(given: unknown): number {
  const at = typeof given === 'string' && given !== '' ? Number(given) : given;
  if (typeof at === 'number' && Number.isSafeInteger(at) && Math.abs(at) < 8.64e15) return at;
  throw new Failure('invalid', 'malformed', 'no instant');
}

function json(status: number, value: unknown): Reply {
  return reply(status, 'application/json', JSON.stringify(value));
}

function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
