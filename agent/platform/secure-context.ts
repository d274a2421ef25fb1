import { createSecureContext } from 'node:tls';

/** What OpenSSL has against a certificate and its key (PEM), which it would throw at whoever connects; else undefined. */
export function secureContextFault(tls: {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}): string | undefined {
  const { ca, cert, key } = tls;
  try {
    createSecureContext({ ca, cert, key });
    return undefined;
  } catch (error) {
    const { reason, message } = error as Error & { reason?: string };
    return reason ?? message;
  }
}
