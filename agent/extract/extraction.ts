import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { type ExtractCommand, Refusal } from '#protocol/command.ts';
import { parseEnvelope, parseJson, payloadTypes, verifyEnvelope } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { type Manifest, manifestSchema, maxManifestBytes } from '#protocol/manifest.ts';
import type { AcceptedCommand, Progress, Runner } from '../command/runner.ts';
import { type Clock, pause } from '../platform/clock.ts';
import { diskFailure } from '../platform/disk-failure.ts';
import { type Files, readIfThere, writeDurably } from '../platform/files.ts';
import type { Log } from '../platform/log.ts';
import type { Footage } from './footage.ts';
import { contentOf, manifestFile, signManifest } from './manifest.ts';
import { openReservations, type Reservation, reservedMs } from './reservations.ts';
import { untilDisk } from './until-disk.ts';
import { requireWindow } from './window.ts';

/** A week of minutes, and the seams: what a manifest of 4 MiB holds. */
const maxFiles = 10_500;

export interface Item {
  file: string;
  content: { bytes: Buffer } | { path: string; size: number; sha256: string };
}

/** Where an extraction goes. The first item is the manifest. */
export interface Delivery {
  deliver(
    parcel: { command: string; items: Item[] },
    progress: (sent: { bytes: number; files: number }) => void,
    signal: AbortSignal,
  ): Promise<void>;
  forget(command: string): Promise<void>;
  known(): Promise<string[]>;
}

export interface ExtractionOptions {
  files: Files;
  clock: Clock;
  log: Log;
  /** Its own, in the store. */
  folder: string;
  node: string;
  key: KeyObject;
  retentionMs: number;
  footage: Footage;
  /** For what came over the broker; undefined at a node without an upload address. */
  delivery: Delivery | undefined;
  /** For what came on a stick. */
  copies?: Delivery;
  /** Resolves when the hub has cosigned `size` lines of the log; rejects with the signal's reason. */
  whenCosigned(size: number, signal: AbortSignal): Promise<void>;
  /** Whether who signed it may still do so: a command may overtake the policy that revokes its signer. */
  stands(command: ExtractCommand): boolean;
}

export interface Extractions {
  runner: Runner<ExtractCommand>;
  /** Whether an accepted extraction still needs what lies in `[start, end)`. */
  reserved(camera: string, start: number, end: number): boolean;
}

interface Prepared {
  /** The manifest's envelope. */
  bytes: Buffer;
  manifest: Manifest;
}

/** Opens the room: reservations are in force before it resolves. */
export async function openExtractions(options: ExtractionOptions): Promise<Extractions> {
  const { files, clock, folder, footage } = options;
  const reservations = await openReservations(files, folder, clock.utc, (path) =>
    options.log.error({ path }, 'the reservations cannot be read'),
  );
  const manifestPath = (id: string): string => join(folder, `${id}.manifest.dsse.json`);

  function requireHere(command: ExtractCommand): void {
    requireWindow(footage, command, clock.utc(), options.retentionMs);
    const { segments } = footage.overlapping(command.camera, command.from, command.to);
    if (segments.length > maxFiles)
      throw new Refusal('too-large', `${segments.length} segments in one window`);
  }

  /** Seals what must be sealed and writes the manifest, or finds the one written before. */
  async function prepare(accepted: AcceptedCommand<ExtractCommand>, signal: AbortSignal): Promise<Prepared> {
    const { command } = accepted;
    const refused = (error: unknown): never => {
      throw diskFailure(error, 'a manifest');
    };
    const before = await readIfThere(files, manifestPath(command.id), maxManifestBytes).catch(refused);
    if (before) return readManifest(before, options.key);
    const aheadMs = command.to - clock.utc();
    if (aheadMs > 0) await pause(clock, aheadMs, signal);
    signal.throwIfAborted();
    if ((footage.coveredTo(command.camera) ?? 0) < command.to) await footage.cutNow(command.camera);
    signal.throwIfAborted();
    const content = contentOf(footage, command);
    const text = signManifest(options.node, options.key, command, accepted.auditSeq, content);
    await writeDurably(files, manifestPath(command.id), text).catch(refused);
    return readManifest(Buffer.from(text), options.key);
  }

  async function run(
    accepted: AcceptedCommand<ExtractCommand>,
    report: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<Progress> {
    const { command } = accepted;
    const byHand = accepted.origin === 'usb';
    const delivery = byHand ? options.copies : options.delivery;
    if (delivery === undefined)
      throw new Failure('unavailable', 'no-upload-address', 'no upload address is configured');
    const { bytes, manifest } = await untilDisk(options, signal, () => prepare(accepted, signal));
    const files = manifest.files.map(({ name, bytes: size, start, end, sha256, clock, torn }) => {
      const path = footage.path(command.camera, { file: name, bytes: size, start, end, sha256, clock, torn });
      if (path === undefined) throw new Failure('corrupt', 'footage-missing', name);
      return { file: name, content: { path, size, sha256 } };
    });
    const total = manifest.files.reduce((sum, file) => sum + file.bytes, bytes.length);
    report({ progress: 0, segments: 0, bytes: 0 });
    // Nothing leaves before the hub holds the line that says why. A copy by hand carries the line with it.
    if (!byHand) await options.whenCosigned(accepted.auditSeq, signal);
    if (!options.stands(command))
      throw new Failure('denied', 'signer-revoked', 'the policy no longer names who signed this command');
    await delivery.deliver(
      { command: command.id, items: [{ file: manifestFile, content: { bytes } }, ...files] },
      (sent) =>
        report({
          progress: Math.min(1, sent.bytes / total),
          segments: Math.max(0, sent.files - 1),
          bytes: Math.max(0, sent.bytes - bytes.length),
        }),
      signal,
    );
    return { progress: 1, segments: files.length, bytes: total - bytes.length };
  }

  async function reserve({ id, camera, from, to }: ExtractCommand, at: number): Promise<Reservation> {
    const one = { command: id, camera, from, to, until: at + reservedMs };
    await reservations.add(one);
    return reservations.find(id) ?? one;
  }

  return {
    reserved: reservations.reserved,
    runner: {
      async admit(command) {
        requireHere(command);
        await reserve(command, clock.utc());
        // A sweep that chose before the reservation stood may have taken its start meanwhile.
        try {
          requireHere(command);
        } catch (error) {
          await reservations.keepOnly((one) => one.command !== command.id);
          throw error;
        }
      },
      async run(accepted, report, signal) {
        const { until } = await untilDisk(options, signal, () =>
          reserve(accepted.command, accepted.acceptedAt),
        );
        return withDeadline(clock, until, signal, (limited) => run(accepted, report, limited));
      },
      async forget(id) {
        await reservations.keepOnly(({ command }) => command !== id);
        if ((await files.size(manifestPath(id))) !== undefined) await files.remove(manifestPath(id));
        await options.delivery?.forget(id);
        await options.copies?.forget(id);
      },
      async keepOnly(ids) {
        await reservations.keepOnly(({ command }) => ids.has(command));
        for (const { name } of await files.list(folder)) {
          const id = /^(.{36})\.manifest\.dsse\.json/.exec(name)?.[1];
          if (id !== undefined && !ids.has(id)) await files.remove(join(folder, name));
        }
        for (const id of (await options.delivery?.known()) ?? [])
          if (!ids.has(id)) await options.delivery?.forget(id);
      },
    },
  };
}

function readManifest(bytes: Buffer, key: KeyObject): Prepared {
  const { payload } = verifyEnvelope(parseEnvelope(bytes, maxManifestBytes), payloadTypes.manifest, [
    publicKeyOf(key),
  ]);
  return { bytes, manifest: manifestSchema.parse(parseJson(payload)) };
}

/** Runs `work` until its reservation ends: then it fails as `reservation-expired`, since its footage may go. */
async function withDeadline<T>(
  clock: Clock,
  until: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const timer = clock.after(Math.max(0, until - clock.utc()), () =>
    over.abort(new Failure('denied', 'reservation-expired', 'not delivered within 72 h')),
  );
  try {
    return await work(AbortSignal.any([signal, over.signal]));
  } finally {
    timer.cancel();
  }
}
