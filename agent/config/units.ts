import { z } from 'zod';

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** What editors are told of a text: its form, where a pattern can say it. */
function written(pattern: RegExp, description: string, ...examples: string[]) {
  return z.string().meta({ description, pattern: pattern.source, examples });
}

const durationText = /^(\d{1,6})(ms|s|m|h|d)$/;
/** `90s`, `7d`: to milliseconds. */
export const duration = written(
  durationText,
  'A duration: a number and ms, s, m, h or d.',
  '60s',
  '7d',
).transform((text, context): number => {
  const match = durationText.exec(text);
  if (match) return Number(match[1]) * durationUnits[match[2] as keyof typeof durationUnits];
  context.addIssue({
    code: 'custom',
    message: 'is no duration: a number and ms, s, m, h or d, such as 60s or 7d',
  });
  return z.NEVER;
});

const rateUnits = { kbit: 1000, Mbit: 1_000_000, Gbit: 1_000_000_000 } as const;

const rateText = /^(\d{1,6}(?:\.\d{1,3})?)(kbit|Mbit|Gbit)$/;
/** `4Mbit` a second: to bit/s. */
export const bitRate = written(
  rateText,
  'A rate: a number and kbit, Mbit or Gbit, a second.',
  '4Mbit',
).transform((text, context): number => {
  const match = rateText.exec(text);
  if (match) return Number(match[1]) * rateUnits[match[2] as keyof typeof rateUnits];
  context.addIssue({
    code: 'custom',
    message: 'is no rate: a number and kbit, Mbit or Gbit (a second), such as 4Mbit',
  });
  return z.NEVER;
});

const percentageText = /^(\d{1,2}(?:\.\d{1,2})?)%$/;
/** `5%`: to a fraction. */
export const percentage = written(percentageText, 'A percentage below 100.', '5%').transform(
  (text, context): number => {
    const match = percentageText.exec(text);
    if (match) return Number(match[1]) / 100;
    context.addIssue({ code: 'custom', message: 'is no percentage below 100, such as 5%' });
    return z.NEVER;
  },
);

/** An absolute URL of one of these schemes, without user or password: those are secrets and stand in files. */
export function address(...schemes: string[]) {
  return z
    .string()
    .max(500)
    .meta({ format: 'uri', pattern: `^(?:${schemes.join('|')})://`, examples: [`${schemes[0]}://host/path`] })
    .superRefine((text, context) => {
      const url = URL.canParse(text) ? new URL(text) : undefined;
      if (url === undefined || !schemes.includes(url.protocol.slice(0, -1)) || url.hostname === '')
        context.addIssue({ code: 'custom', message: `is no address with ${schemes.join(':// or ')}://` });
      else if (url.username !== '' || url.password !== '')
        context.addIssue({
          code: 'custom',
          message:
            'contains a password: name a secret in "credentials" and write user:password into that file',
        });
    });
}

const hostPortText = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9][A-Za-z0-9._-]{0,252}))(?::(\d{1,5}))?$/;
/** `host`, `host:port` or `[IPv6]:port`. A host never begins with a hyphen: programs are handed it. */
export const hostPort = written(
  hostPortText,
  'A host, with or without a port.',
  '10.0.0.3',
  '10.0.0.3:862',
).transform((text, context): { host: string; port?: number } => {
  const match = hostPortText.exec(text);
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (match && (port === undefined || (port >= 1 && port <= 65_535)))
    return { host: (match[1] ?? match[2]) as string, ...(port === undefined ? {} : { port }) };
  context.addIssue({ code: 'custom', message: 'is no host or host:port, such as 10.0.0.3:862' });
  return z.NEVER;
});
