import { z } from 'zod';

const report = z.object({
  metadata: z.object({
    vulnerabilities: z.object({ high: z.int(), critical: z.int(), total: z.int() }),
  }),
  vulnerabilities: z.record(z.string(), z.object({ severity: z.string() })),
});

/** What `npm audit --json` comes to. A registry that has no advisories proves nothing, and is said to. */
export function judgeAudit(output: string): { ok: boolean; sentence: string } {
  let value: unknown;
  try {
    value = JSON.parse(output);
  } catch {
    return { ok: true, sentence: 'npm audit: NOT AUDITED, npm gave no answer' };
  }
  const parsed = report.safeParse(value);
  if (!parsed.success) {
    const why =
      z.object({ message: z.string() }).safeParse(value).data?.message ?? 'an answer of another form';
    return { ok: true, sentence: `npm audit: NOT AUDITED, ${why.slice(0, 200)}` };
  }
  const { high, critical, total } = parsed.data.metadata.vulnerabilities;
  const grave = Object.entries(parsed.data.vulnerabilities)
    .filter(([, { severity }]) => severity === 'high' || severity === 'critical')
    .map(([name]) => name);
  if (high + critical === 0)
    return { ok: true, sentence: `npm audit: ${total} findings, none high or critical` };
  return { ok: false, sentence: `npm audit: ${high} high, ${critical} critical: ${grave.join(', ')}` };
}
