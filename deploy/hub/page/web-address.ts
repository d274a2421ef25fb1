import type { Asked } from '#agent/platform/http.ts';

export function splitHost(listen: string): [host: string, port: number] {
  const at = listen.lastIndexOf(':');
  return [listen.slice(0, at).replace(/^\[|\]$/g, ''), Number(listen.slice(at + 1))];
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** On plain HTTP only by names that no page of somebody else can take on (DNS rebinding), or that hub.yaml gives. */
export function knownHost({ headers }: Asked, origins: readonly string[]): boolean {
  const host = String(headers['host'] ?? '');
  if (isLoopback(splitHost(`${host.replace(/:\d+$/, '')}:0`)[0])) return true;
  return origins.some((origin) => URL.canParse(origin) && new URL(origin).host === host);
}

/** Whether a form was sent by a page of this address: browsers say so, and no page can make them say it wrongly. */
export function sameSite({ headers }: Asked): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const origin = headers['origin'];
  return typeof origin === 'string' && URL.canParse(origin) && new URL(origin).host === headers['host'];
}

/** Whether whoever asks is on this machine, and no proxy of it asks for somebody else. */
export function isHere({ address, headers }: Asked): boolean {
  const [host] = splitHost(`${String(headers['host'] ?? '').replace(/:\d+$/, '')}:0`);
  return isLoopback(address.replace('::ffff:', '')) && isLoopback(host);
}

/** Whether others than this machine can reach it: by where it listens, or by a name that a proxy has for it. */
export function isReachable({ listen, origins }: { listen: string; origins: readonly string[] }): boolean {
  const beyond = (origin: string): boolean =>
    !URL.canParse(origin) || !isLoopback(new URL(origin).hostname.replace(/^\[|\]$/g, ''));
  return !isLoopback(splitHost(listen)[0]) || origins.some(beyond);
}

export function tokenOf({ headers }: Asked, name: string): string | undefined {
  const cookies = String(headers['cookie'] ?? '').split(/; */);
  return cookies.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
}
