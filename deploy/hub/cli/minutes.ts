import { writeFileSync } from 'node:fs';
import { sha256 } from '#protocol/envelope.ts';
import { codeOf, Failure } from '#protocol/failure.ts';
import { inMinutes, type Minutes, type MinutesPayload, verifyMinutes } from '../minutes/minutes.ts';
import { minutesPdf } from '../minutes/pdf.ts';
import { readTrusted } from '../trust.ts';
import type { Derived } from '../viewing/clear.ts';
import { caseId, latestNote } from './case-id.ts';
import type { Call, Command } from './command.ts';
import type { Pictures } from './pictures.ts';

export const minutes: Command = {
  summary: 'Writes the minutes of a case as PDF again, without a picture; also after it was closed.',
  usage: 'ID [--out FILE] [--line N]',
  notes: `The newest, unless --line names an opening. ${latestNote}`,
  arguments: { least: 1, most: 1 },
  options: {
    out: { type: 'string', value: 'FILE', help: 'where to (verbale-ID.pdf)' },
    line: { type: 'string', value: 'N', help: 'line of the opening in the register' },
    json: { type: 'boolean', help: 'print the signed data instead' },
  },
  async run(call) {
    const id = await caseId(call);
    const { envelopes } = await call.client().get('GET /minutes', { id });
    const wanted = call.option('line');
    const all = envelopes.map((envelope) => ({ envelope, minutes: readMinutes(call, envelope) }));
    const found = all.findLast(
      ({ minutes: one }) => (wanted ?? `${one.opening.line}`) === `${one.opening.line}`,
    );
    if (found === undefined)
      throw new Failure(
        'denied',
        'no-minutes',
        `case ${id} has no such minutes: they are made when it is opened`,
      );
    if (call.flag('json')) {
      call.terminal.print(found.envelope);
      return 0;
    }
    const file = call.option('out') ?? `verbale-${id}.pdf`;
    const pdf = await minutesPdf(found.minutes, call.settings().zone);
    try {
      writeFileSync(file, pdf, { flag: 'wx', mode: 0o600 });
    } catch (cause) {
      throw new Failure('usage', 'cannot-write', `${file} cannot be written (${codeOf(cause)})`, { cause });
    }
    call.terminal.print(call.texts().opened.minutes(file));
    return 0;
  },
};

/** Signed by the hub of a policy that this folder knows. */
function readMinutes(call: Call, envelope: string): Minutes {
  const keys = readTrusted(call.dir).all.map(({ policy }) => policy.hub.key);
  return verifyMinutes(Buffer.from(envelope), keys);
}

/** Minutes beside what was opened. */
export interface MadeMinutes {
  envelope: string;
  pdf: Buffer;
}

/** For minutes a picture needs no more than this. */
const pictureWidthPx = 960;

/**
 * Has the hub make and sign the minutes of the opening that is line `line`, with a picture of what they are
 * about. The picture is in the PDF alone, which is never at the hub: what is kept there is its hash.
 */
export async function makeMinutes(
  call: Call,
  id: string,
  line: number,
  pictures: Pictures,
): Promise<MadeMinutes> {
  const { viewing, stills, masks, originals } = pictures;
  const text = (utcMs: number): string => new Date(Math.round(utcMs)).toISOString();
  const still = await pictureOf(call, pictures);
  const made: MinutesPayload['made'] = {
    films: viewing.files.map(({ name, sha256: hash, durationMs, stretches, derived }) => ({
      name,
      sha256: hash,
      durationMs,
      ...marked(derived),
      stretches: stretches.map(({ atMs, start, end }) => ({ atMs, start: text(start), end: text(end) })),
    })),
    stills: [
      ...(still
        ? [
            {
              name: inMinutes,
              sha256: sha256(still.bytes),
              at: text(still.at),
              ...marked(pictures.derived(still.at)),
            },
          ]
        : []),
      ...stills.map(({ name, sha256: hash, at, derived }) => ({
        name,
        sha256: hash,
        at: text(at),
        ...marked(derived),
      })),
    ],
    ...(masks
      ? {
          masks: {
            sha256: masks.sha256,
            mode: masks.masks.mode,
            style: masks.masks.style,
            regions: masks.masks.regions.length,
          },
        }
      : {}),
    ...(originals.length > 0
      ? {
          originals: originals.map(({ name, sha256: hash, from }) => ({
            name,
            sha256: hash,
            from: from.name,
          })),
        }
      : {}),
    incomplete: viewing.incomplete.map(({ name, end }) => ({
      name,
      end: end === 'tampered' ? 'tampered' : 'torn',
    })),
  };
  const { envelope } = await call.client().post('minutes', { by: call.by, id, line, made });
  const pdf = await minutesPdf(readMinutes(call, envelope), call.settings().zone, still?.bytes);
  return { envelope, pdf };
}

const marked = (derived: Derived | undefined): { derived?: Derived } => (derived ? { derived } : {});

async function pictureOf(call: Call, { shoot, middle }: Pictures) {
  try {
    return await shoot(middle, { format: 'jpeg', widthPx: pictureWidthPx, keyframe: true });
  } catch (error) {
    // Minutes without a picture are minutes; a film that nobody here can decode is still what was recorded.
    if (!(error instanceof Failure) || !['no-ffmpeg', 'no-picture-then'].includes(error.code)) throw error;
    call.terminal.note(call.texts().noStill);
    return undefined;
  }
}
