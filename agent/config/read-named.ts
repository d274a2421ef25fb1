import { z } from 'zod';
import type { Named } from './named.ts';
import { configSchema } from './schema.ts';

/** Reads whatever the sections that do parse name: one run shows wrong keys and missing files together. */
export async function readNamed(raw: Record<string, unknown>, named: Named): Promise<void> {
  const shape = configSchema.shape;
  const { signing, policy, trust, cameras, links, mqtt, upload } = raw;
  const signingName = shape.signing.safeParse(signing);
  if (signingName.success) await named.signingKey(signingName.data);
  const policyPath = shape.policy.safeParse(policy);
  if (policyPath.success) await named.policy(policyPath.data);
  const trustSection = shape.trust.safeParse(trust);
  if (trustSection.success) await named.roots(trustSection.data.roots);
  for (const [index, camera] of (Array.isArray(cameras) ? cameras : []).entries()) {
    const name = z.looseObject({ credentials: configSchema.shape.signing }).safeParse(camera);
    if (name.success) await named.credentials(['cameras', index, 'credentials'], name.data.credentials);
    const own = z.looseObject({ tls: z.looseObject({ ca: shape.policy }) }).safeParse(camera);
    if (own.success) await named.pem(['cameras', index, 'tls', 'ca'], own.data.tls.ca);
  }
  for (const [index, link] of (Array.isArray(links) ? links : []).entries()) {
    const name = z.looseObject({ probe: z.literal('snmp'), credentials: shape.signing }).safeParse(link);
    if (name.success) await named.snmpAccess(['links', index, 'credentials'], name.data.credentials, 'sha');
  }
  // The schema counts ids only where every entry is well formed.
  for (const [list, entries] of Object.entries({ cameras, links })) {
    const ids = (Array.isArray(entries) ? entries : []).map((one) =>
      z.object({ id: z.string() }).safeParse(one),
    );
    for (const [index, { data }] of ids.entries())
      if (data !== undefined && ids.findIndex((other) => other.data?.id === data.id) < index)
        named.report([list, index, 'id'], `"${data.id}" stands twice`);
  }
  for (const [section, value] of Object.entries({ mqtt, upload }))
    for (const file of ['ca', 'cert', 'key'] as const) {
      const name = z.looseObject({ [file]: shape.policy }).safeParse(value);
      if (name.success) await named.pem([section, file], name.data[file] as string);
    }
}
