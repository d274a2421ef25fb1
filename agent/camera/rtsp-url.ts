import { Failure } from '#protocol/failure.ts';

/** An address of a camera, without user and password. */
export interface RtspUrl {
  tls: boolean;
  /** As it connects: no brackets around an IPv6 address. */
  host: string;
  port: number;
  /** `rtsp://host[:port]`, as written. */
  origin: string;
  /** Path and query exactly as written: cameras compare them byte by byte. */
  path: string;
}

const pattern = /^(rtsps?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?([/?][\x21-\x7e]*)?$/i;

/**
 * Parses `rtsp://host[:port]/path`. Throws `camera-address` (config); the sentence does not repeat the address, which
 * may hold a password.
 */
export function parseRtspUrl(text: string): RtspUrl {
  if (/^rtsps?:\/\/[^/?]*@/i.test(text))
    throw new Failure('config', 'camera-address', 'a camera address must hold no user or password');
  const match = text.length <= 2048 ? pattern.exec(text) : null;
  const port = Number(match?.[3] ?? (match?.[1]?.toLowerCase() === 'rtsps' ? 322 : 554));
  if (!match || port < 1 || port > 65535)
    throw new Failure('config', 'camera-address', 'a camera address looks like rtsp://host:port/path');
  const scheme = match[1]!.toLowerCase();
  const host = match[2]!;
  return {
    tls: scheme === 'rtsps',
    host: host.replaceAll(/[[\]]/g, ''),
    port,
    origin: `${scheme}://${host}${match[3] === undefined ? '' : `:${match[3]}`}`,
    path: match[4] ?? '/',
  };
}

const absolute = /^rtspu?s?:\/\/[^/?]*(.*)$/i;

/** The path of an absolute RTSP address, or undefined for anything else. */
function pathOf(text: string): string | undefined {
  const path = absolute.exec(text)?.[1];
  return path === '' ? '/' : path;
}

/**
 * The address that relative controls are appended to: Content-Base, else Content-Location, else the request's. Only
 * its path is believed. Cameras behind a router, or with an address of 0.0.0.0, name a host that is not the one that
 * just answered; it answered under ours.
 */
export function baseUrl(request: RtspUrl, contentBase: string | undefined): string {
  if (contentBase === undefined || contentBase === '' || contentBase === '*')
    return request.origin + request.path;
  const path = pathOf(contentBase);
  if (path !== undefined) return request.origin + path;
  if (contentBase.startsWith('/')) return request.origin + contentBase;
  return append(request.origin + request.path, contentBase);
}

/**
 * What a track's control may mean, most likely first; the next is tried when the camera does not know one. RFC 2326
 * §C.1.1 resolves as RFC 1808 does, but every server in use expects a relative control appended.
 */
export function controlUrls(request: RtspUrl, base: string, control: string | undefined): string[] {
  if (control === undefined || control === '' || control === '*') return [base];
  const path = pathOf(control);
  if (path !== undefined) return unique([request.origin + path, control]);
  if (control.startsWith('/')) return unique([request.origin + control, append(base, control.slice(1))]);
  return unique([append(base, control), append(request.origin + request.path, control)]);
}

function append(base: string, relative: string): string {
  return base.endsWith('/') || relative.startsWith('?') ? base + relative : `${base}/${relative}`;
}

function unique(urls: string[]): string[] {
  return [...new Set(urls)];
}
