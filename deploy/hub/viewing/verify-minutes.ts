import { sha256 } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import type { PublicKey } from '#protocol/key.ts';
import { requirePackage } from '../cases/opening.ts';
import { parseMasks } from '../masks/masks.ts';
import { inMinutes, maxMinutesBytes, verifyMinutes } from '../minutes/minutes.ts';
import type { Contents } from './contents.ts';
import { type Evidence, readPart } from './evidence.ts';

/** A picture, by its name. */
const picture = /^(?:original\/.*|.*\.(?:mp4|png|jpg))$/;

/**
 * The minutes of a package: signed by the hub, of this command and this delivery, and every picture in the package is
 * one that they name, as they name it. For purposes that allow no plain film every one is masked, through the masks
 * that are there. Throws `minutes-differ`, `masks-required`, and what {@link verifyMinutes} throws.
 */
export function requireMinutes(
  folder: string,
  hubs: readonly PublicKey[],
  { command, manifest }: Evidence,
  { files }: Contents,
): void {
  const minutes = verifyMinutes(readPart(folder, 'verbale.json', maxMinutesBytes), hubs);
  const { made, evidence, record } = minutes;
  const same = (one: unknown, other: unknown, what: string): void => {
    if (JSON.stringify(one) !== JSON.stringify(other))
      throw new Failure('denied', 'minutes-differ', `the minutes name another ${what}`);
  };
  same(minutes.case, command.id, 'case');
  same(record.purpose, command.purpose, 'purpose');
  same([record.protocol, record.date], [command.request.protocol, command.request.date], 'request');
  same([minutes.from, minutes.to], [command.from, command.to], 'time');
  same([minutes.place.node, minutes.place.camera], [command.node, command.camera], 'camera');
  for (const name of ['command', 'manifest', 'policy'] as const)
    same(evidence[name], sha256(readPart(folder, `${name}.dsse.json`, maxMinutesBytes)), `${name}.dsse.json`);
  same(evidence.auditSeq, manifest.auditSeq, 'line of the node’s log');
  same(minutes.files, manifest.files, 'list of segments');
  same(minutes.gaps, manifest.gaps, 'list of gaps');
  const byName = (list: readonly { name: string; sha256: string }[]) =>
    list.map(({ name, sha256: hash }) => ({ name, sha256: hash })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const named = [...made.films, ...made.stills, ...(made.originals ?? [])];
  same(
    byName(named.filter(({ name }) => name !== inMinutes)),
    byName(files.filter(({ name }) => picture.test(name))),
    'set of pictures',
  );
  requirePackage(
    command.purpose,
    files.map(({ name }) => name),
  );
  if (made.masks === undefined) return;
  const masks = parseMasks(readPart(folder, 'masks.json', maxMinutesBytes));
  same(made.masks.sha256, masks.sha256, 'masks.json');
  for (const one of [...made.films, ...made.stills])
    same(one.derived?.masks, masks.sha256, `source of ${one.name}`);
}
