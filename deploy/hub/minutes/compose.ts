import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { type Files, readIfThere, writeDurably } from '#agent/platform/files.ts';
import type { ClockState } from '#protocol/clock-state.ts';
import { verifyCommand } from '#protocol/command.ts';
import { sha256 } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { maxManifestBytes } from '#protocol/manifest.ts';
import type { Policy } from '#protocol/policy.ts';
import { instantText } from '#protocol/time.ts';
import type { Cases } from '../cases/cases.ts';
import { verifyManifest } from '../cases/manifest.ts';
import { deliveredCase } from '../cases/opening.ts';
import type { Register, RegisterLine } from '../register/register.ts';
import { findRequest } from '../register/requests.ts';
import { serial } from '../serial.ts';
import type { Settings } from '../settings.ts';
import type { Trusted } from '../trust.ts';
import { nodeKeys, withAny } from '../viewing/grounds.ts';
import { type Made, type MinutesPayload, maxMinutesBytes, signMinutes } from './minutes.ts';

/** How far it is ahead of the exact time, where it has somebody to ask. */
export interface NodeClock {
  at: number;
  state: ClockState;
  offsetMs?: number | undefined;
}

export interface MinutesBook {
  /** Makes, signs and keeps the minutes of one opening. Throws `not-complete`, `unknown-opening`, `minutes-made`. */
  make(ask: { by: string; id: string; line: number; made: Made }): Promise<{ seq: number; envelope: string }>;
  /** The minutes of a case, oldest first, as they were signed; they outlive its footage. */
  of(id: string): Promise<string[]>;
}

/** What a case's folder calls the minutes of the opening that is line `line` of the register. */
function fileOf(line: number): string {
  return `verbale-${String(line).padStart(6, '0')}.json`;
}

/**
 * Minutes are made of what the hub holds itself; the officer's device adds only what it made of the delivery.
 * 1 the signed file, new and synced; 2 the register's line with its hash. Cut after 1, a file stands there that no
 * line names: the opening is repeated.
 */
export function openMinutesBook(parts: {
  files: Files;
  cases: Cases;
  register: Register;
  settings: Pick<Settings, 'nodes'>;
  hubKey: KeyObject;
  policyAt(version: number): Trusted | undefined;
  newest(): Trusted;
  /** From a version on. */
  policiesSince(version: number): readonly Policy[];
  /** What a node last said of its clock, and when by that clock, UTC milliseconds. */
  clockOf(node: string): NodeClock | undefined;
  utc(): number;
}): MinutesBook {
  const { files, cases, register } = parts;
  const turns = serial();

  async function payloadFor(id: string, line: number, made: Made): Promise<MinutesPayload> {
    const one = deliveredCase(cases, id);
    const { command, manifest } = one;
    const opening = openingAt(register.lines(), id, line);
    const request = findRequest(register.lines(), one.request);
    if (request === undefined)
      throw new Failure('corrupt', 'unknown-request', `the register has no request ${one.request}`);
    const { windows: _, ...record } = request.record;
    const trusted = parts.policyAt(command.policyVersion) ?? parts.newest();
    const signed = await readIfThere(files, join(cases.folder(id), 'manifest.dsse.json'), maxManifestBytes);
    const place = parts.settings.nodes.find(({ id: node }) => node === command.node);
    // Whoever made the delivery, and makes these minutes, may have another key by now than when it was ordered.
    const later = parts.policiesSince(command.policyVersion + 1);
    const nodeKey = withAny(nodeKeys({ policy: trusted.policy, later }, command.node), (key) => {
      verifyManifest(signed ?? Buffer.alloc(0), key);
      return key;
    });
    const clock = parts.clockOf(command.node);
    const text = (start: number) => instantText(Math.round(start));
    return {
      version: 1,
      case: id,
      request: one.request,
      at: text(parts.utc()),
      record,
      place: {
        node: command.node,
        camera: command.camera,
        nodeName: place?.name ?? command.node,
        cameraName:
          place?.cameras.find(({ id: camera }) => camera === command.camera)?.name ?? command.camera,
      },
      from: text(command.from),
      to: text(command.to),
      opening: {
        line,
        at: opening.at,
        by: opening.by,
        role: opening['role'] as 'officer' | 'escrow',
        recipient: opening['recipient'] as string,
        present: opening['present'] as string[],
        swap: opening['swap'] === true,
      },
      made: {
        ...made,
        films: made.films.map((film) => ({
          ...film,
          stretches: film.stretches.map((one) => ({ ...one, start: text(one.start), end: text(one.end) })),
        })),
        stills: made.stills.map((still) => ({ ...still, at: text(still.at) })),
      },
      files: manifest.files.map((file) => ({ ...file, start: text(file.start), end: text(file.end) })),
      ...(clock ? { clock: { ...clock, at: text(clock.at) } } : {}),
      gaps: manifest.gaps.map((gap) => ({ ...gap, start: text(gap.start), end: text(gap.end) })),
      signatures: [
        ...personsWho(Buffer.from(one.envelope), trusted.policy),
        { what: 'node', name: command.node, keyid: nodeKey.id },
        { what: 'hub', name: 'municipio', keyid: publicKeyOf(parts.hubKey).id },
      ],
      evidence: {
        command: sha256(one.envelope),
        manifest: sha256(signed ?? Buffer.alloc(0)),
        policy: sha256(trusted.envelope),
        policyVersion: trusted.policy.version,
        auditSeq: manifest.auditSeq,
      },
    };
  }

  return {
    make: ({ by, id, line, made }) =>
      turns.run(id, async () => {
        const done = register.lines().some((noted) => noted.kind === 'minutes' && noted['line'] === line);
        if (done)
          throw new Failure('denied', 'minutes-made', `the minutes of line ${line} were made already`);
        const envelope = signMinutes(await payloadFor(id, line, made), parts.hubKey);
        const path = join(cases.folder(id), fileOf(line));
        await writeDurably(files, path, envelope);
        const { request } = cases.get(id);
        const entry = { kind: 'minutes', request, case: id, by, line, sha256: sha256(envelope) } as const;
        return { seq: register.append(entry).seq, envelope };
      }),
    async of(id) {
      const folder = cases.folder(id);
      const kept: string[] = [];
      for (const line of register.lines()) {
        if (line.kind !== 'minutes' || line.case !== id) continue;
        const bytes = await readIfThere(files, join(folder, fileOf(line['line'] as number)), maxMinutesBytes);
        if (bytes === undefined || sha256(bytes) !== line['sha256'])
          throw new Failure(
            'corrupt',
            'minutes-broken',
            `the minutes of line ${line['line']} are not what the register names: restore them from a backup`,
          );
        kept.push(bytes.toString('utf8'));
      }
      return kept;
    },
  };
}

function openingAt(lines: readonly RegisterLine[], id: string, line: number): RegisterLine {
  const found = lines.find(({ seq, kind, case: of }) => seq === line && kind === 'opened' && of === id);
  if (found) return found;
  throw new Failure('denied', 'unknown-opening', `line ${line} of the register is no opening of case ${id}`);
}

/** Who signed the command, as the policy of its time names them. */
function personsWho(message: Buffer, policy: Policy): MinutesPayload['signatures'] {
  const { signers } = verifyCommand(message, policy);
  const persons = policy.persons.flatMap(({ name, keys }) =>
    keys
      .filter(({ keyid }) => signers.some(({ id }) => id === keyid))
      .flatMap(({ keyid, role }) =>
        role === 'operator' || role === 'officer' ? [{ what: role, name, keyid }] : [],
      ),
  );
  const order = ['operator', 'officer'];
  return persons.sort((a, b) => order.indexOf(a.what) - order.indexOf(b.what));
}
