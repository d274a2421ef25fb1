import { Failure } from '#protocol/failure.ts';
import { askChild, type ChildBounds } from '../platform/child.ts';
import { objectsOf, type RadioModel, radioOf } from './radio-models.ts';
import { type Asker, answerLimitMs, type Radio } from './sample.ts';
import { type SnmpAccess, type SnmpQuestion, snmpAnswer } from './snmp-question.ts';

/** How a child is asked: `askChild` of platform/child.ts. */
export type AskChild = (entry: URL, question: unknown, bounds: ChildBounds) => Promise<unknown>;

const entry = new URL('./snmp-child.ts', import.meta.url);
/** Starting the child included. */
const childLimitMs = answerLimitMs + 3000;

/** Asks a radio bridge for its signal, noise, capacity and uptime, in a process of its own. */
export function openSnmp(parts: {
  target: { host: string; port: number };
  access: SnmpAccess;
  model?: RadioModel | undefined;
  /** Objects of a device that no model knows, by what they give. */
  oids?: Partial<Record<keyof Radio, string | undefined>>;
  ask?: AskChild;
}): Asker {
  const asked = objectsOf(parts.model, parts.oids ?? {});
  const question: SnmpQuestion = {
    ...parts.target,
    ipv6: parts.target.host.includes(':'),
    timeoutMs: answerLimitMs,
    oids: asked.map(({ object }) => object.oid),
    access: parts.access,
  };
  return {
    async ask(signal) {
      try {
        const answer = snmpAnswer.safeParse(
          await (parts.ask ?? askChild)(entry, question, { timeoutMs: childLimitMs, signal }),
        ).data;
        if (answer === undefined) return { kind: 'unmeasured', reason: 'broken' };
        if ('error' in answer) {
          if (answer.error === 'no-answer') return { kind: 'lost', reason: 'no-snmp' };
          if (answer.error === 'unresolved') return { kind: 'lost', reason: 'unresolved' };
          return { kind: 'unmeasured', reason: answer.error };
        }
        const radio = radioOf(
          asked,
          answer.values.map((value) => value ?? undefined),
        );
        return radio.signalDbm === undefined && radio.capacityMbit === undefined
          ? { kind: 'unmeasured', reason: 'no-object' }
          : { kind: 'answer', roundTripMs: answer.tookMs, radio };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return error.code === 'process-missing'
          ? { kind: 'unmeasured', reason: 'no-program' }
          : { kind: 'unmeasured', reason: 'broken' };
      }
    },
    close() {},
  };
}
