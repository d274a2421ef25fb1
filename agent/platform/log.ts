import { pino, stdSerializers } from 'pino';

/** Structured log; every room gets a child with its own context (node, camera, command id). */
export type Log = ReturnType<typeof pino>;

/** Takes the user information out of every URL in a text: libraries put addresses, passwords included, in errors. */
export function scrub(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*:[^\s/@]*@/gi, '$1***@');
}

function scrubbed(value: unknown): unknown {
  if (typeof value === 'string') return scrub(value);
  if (Array.isArray(value)) return value.map(scrubbed);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, scrubbed(inner)]));
  return value;
}

/** Logs to standard error, synchronously: the last line before a crash is the one that is wanted. */
export function openLog(level: string): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"at":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (error: Error) => scrubbed(stdSerializers.err(error)) },
      hooks: {
        logMethod(args, method) {
          // biome-ignore lint/suspicious/noExplicitAny: the hook hands on whatever overload was called.
          method.apply(this, args.map((arg) => (typeof arg === 'string' ? scrub(arg) : arg)) as any);
        },
      },
    },
    process.stderr,
  );
}
