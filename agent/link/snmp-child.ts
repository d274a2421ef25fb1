import snmp from 'net-snmp';
import { answerParent } from '../platform/child.ts';
import { systemClock } from '../platform/clock.ts';
import { type SnmpAnswer, type SnmpQuestion, snmpQuestion } from './snmp-question.ts';

// A process of its own: an answer that the library cannot parse may end it, and must not end more than it.
await answerParent((question) => ask(snmpQuestion.parse(question)));

/** One GETNEXT for all objects: a column gives its first row, whatever its index is. */
function ask(question: SnmpQuestion): Promise<SnmpAnswer> {
  const { access, host, port, oids } = question;
  const options = {
    port,
    timeout: question.timeoutMs,
    retries: 0,
    transport: question.ipv6 ? ('udp6' as const) : ('udp4' as const),
  };
  const session =
    access.version === '2c'
      ? snmp.createSession(host, access.community, { ...options, version: snmp.Version2c })
      : snmp.createV3Session(
          host,
          {
            name: access.user,
            level:
              access.privPassword === undefined ? snmp.SecurityLevel.authNoPriv : snmp.SecurityLevel.authPriv,
            authProtocol: snmp.AuthProtocols[access.auth],
            authKey: access.authPassword,
            ...(access.privPassword === undefined
              ? {}
              : { privProtocol: snmp.PrivProtocols.aes, privKey: access.privPassword }),
          },
          options,
        );
  return new Promise((resolve) => {
    const began = systemClock.monotonic();
    session.on('error', () => resolve({ error: 'broken' }));
    session.getNext(oids, (error, varbinds) => {
      if (error) return resolve({ error: nameOf(error) });
      const values = oids.map((oid, index) => {
        const found = varbinds[index];
        if (!found || snmp.isVarbindError(found) || !found.oid.startsWith(`${oid}.`)) return null;
        return typeof found.value === 'number' && Number.isFinite(found.value) ? found.value : null;
      });
      resolve({ tookMs: systemClock.monotonic() - began, values });
    });
  });
}

function nameOf(error: Error): 'no-answer' | 'unresolved' | 'auth' | 'broken' {
  if (error.name === 'RequestTimedOutError') return 'no-answer';
  const text = `${error.name} ${error.message} ${(error as { code?: unknown }).code}`;
  if (/ENOTFOUND|EAI_/.test(text)) return 'unresolved';
  if (/ECONNREFUSED|EHOSTUNREACH|ENETUNREACH/.test(text)) return 'no-answer';
  return /auth|usm|security|user|digest|decrypt/i.test(text) ? 'auth' : 'broken';
}
