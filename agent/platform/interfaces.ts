import { networkInterfaces } from 'node:os';

/** The IPv4 addresses by which this box is on a network; loopback is none. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
  );
}
