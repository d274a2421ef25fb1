import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { ClockState } from '#protocol/clock-state.ts';
import { type Command, Refusal } from '#protocol/command.ts';
import {
  parseEnvelope,
  parseJson,
  payloadTypes,
  sha256,
  signEnvelope,
  verifyEnvelope,
} from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { publicKeyOf } from '#protocol/key.ts';
import { type Manifest, type ManifestPayload, manifestSchema, maxManifestBytes } from '#protocol/manifest.ts';
import { openSealer, parseRecipients, prepareSeal } from '#protocol/seal/seal.ts';
import { snapshotName } from '#protocol/segment-name.ts';
import { instantText } from '#protocol/time.ts';
import type { AcceptedCommand, Progress, Runner } from '../command/runner.ts';
import type { Clock } from '../platform/clock.ts';
import { diskFailure } from '../platform/disk-failure.ts';
import { type Files, makeFolderDurably, readIfThere, writeDurably } from '../platform/files.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { Delivery } from './extraction.ts';
import { manifestFile } from './manifest.ts';
import { untilDisk } from './until-disk.ts';

export type SnapshotCommand = Extract<Command, { type: 'snapshot' }>;

/** Above what a decoder gives and the seal adds. */
const maxSealedBytes = 17 * 1024 * 1024;

export interface SnapshotOptions {
  files: Files;
  clock: Clock;
  random: Random;
  log: Log;
  /** Its own, in the store. */
  folder: string;
  node: string;
  key: KeyObject;
  recipients(utcMs: number): readonly string[];
  clockState(): ClockState;
  /** Whether this camera is recorded here. */
  knows(camera: string): boolean;
  /** One picture of now as JPEG, and when it was taken; in memory alone. Throws `no-picture`, `no-ffmpeg`. */
  picture(camera: string, signal: AbortSignal): Promise<{ jpeg: Buffer; at: number }>;
  delivery: Delivery | undefined;
  copies: Delivery;
  whenCosigned(size: number, signal: AbortSignal): Promise<void>;
  /** Whether who signed it may still do so. */
  stands(command: SnapshotCommand): boolean;
}

/**
 * `snapshot`: one picture, sealed as footage is and delivered the same way (Art. 6 c. 8). 1 the picture, in memory;
 * 2 `<id>.jpg.age`; 3 `<id>.manifest.dsse.json`, signed; 4 cosigned; 5 delivered; 6 both removed. A restart after 3
 * delivers the same picture.
 */
export async function openSnapshots(options: SnapshotOptions): Promise<Runner<SnapshotCommand>> {
  const { files, folder, key } = options;
  await makeFolderDurably(files, folder);
  const sealedPath = (id: string): string => join(folder, `${id}.jpg.age`);
  const manifestPath = (id: string): string => join(folder, `${id}.manifest.dsse.json`);

  const refused = (error: unknown): never => {
    throw diskFailure(error, 'a picture');
  };
  const read = (path: string, maxBytes: number): Promise<Buffer | undefined> =>
    readIfThere(files, path, maxBytes).catch(refused);
  async function made(id: string): Promise<{ bytes: Buffer; manifest: Manifest } | undefined> {
    const bytes = await read(manifestPath(id), maxManifestBytes);
    if (bytes === undefined) return undefined;
    const { payload } = verifyEnvelope(parseEnvelope(bytes, maxManifestBytes), payloadTypes.manifest, [
      publicKeyOf(key),
    ]);
    return { bytes, manifest: manifestSchema.parse(parseJson(payload)) };
  }

  async function make({ command, auditSeq }: AcceptedCommand<SnapshotCommand>, signal: AbortSignal) {
    const { id, camera, policyVersion } = command;
    const { jpeg, at } = await options.picture(camera, signal);
    const sealed = await seal(jpeg);
    jpeg.fill(0);
    const start = instantText(at);
    const end = instantText(at + 1);
    const payload: ManifestPayload = {
      command: id,
      node: options.node,
      camera,
      from: start,
      to: end,
      policyVersion,
      auditSeq,
      files: [
        {
          name: snapshotName(at),
          start,
          end,
          bytes: sealed.length,
          sha256: sha256(sealed),
          clock: options.clockState(),
          torn: false,
        },
      ],
      gaps: [],
    };
    const text = signEnvelope(payloadTypes.manifest, Buffer.from(JSON.stringify(payload)), [key]);
    await untilDisk(options, signal, async () => {
      await writeDurably(files, sealedPath(id), sealed).catch(refused);
      await writeDurably(files, manifestPath(id), text).catch(refused);
    });
  }

  async function seal(jpeg: Buffer): Promise<Buffer> {
    const recipients = parseRecipients(options.recipients(options.clock.utc()));
    const prepared = await prepareSeal(recipients, options.random);
    const sealer = openSealer(prepared);
    return Buffer.concat([prepared.head, ...sealer.update(jpeg), ...sealer.final()]);
  }

  async function forget(id: string): Promise<void> {
    for (const path of [manifestPath(id), sealedPath(id)])
      if ((await files.size(path)) !== undefined) await files.remove(path);
    await options.delivery?.forget(id);
    await options.copies.forget(id);
  }

  return {
    async admit({ camera }) {
      if (!options.knows(camera)) throw new Refusal('unknown-camera', `there is no camera ${camera} here`);
    },
    async run(accepted, report, signal): Promise<Progress> {
      const { command } = accepted;
      const byHand = accepted.origin === 'usb';
      const delivery = byHand ? options.copies : options.delivery;
      if (delivery === undefined)
        throw new Failure('unavailable', 'no-upload-address', 'no upload address is configured');
      if ((await made(command.id)) === undefined) await make(accepted, signal);
      const ready = await made(command.id);
      const file = ready?.manifest.files[0];
      const sealed = await read(sealedPath(command.id), maxSealedBytes);
      if (!ready || !file || !sealed || sha256(sealed) !== file.sha256)
        throw new Failure('corrupt', 'footage-missing', 'the picture is not what was written');
      if (!byHand) await options.whenCosigned(accepted.auditSeq, signal);
      if (!options.stands(command))
        throw new Failure('denied', 'signer-revoked', 'the policy no longer names who signed this command');
      const content = { path: sealedPath(command.id), size: file.bytes, sha256: file.sha256 };
      const total = ready.bytes.length + file.bytes;
      await delivery.deliver(
        {
          command: command.id,
          items: [
            { file: manifestFile, content: { bytes: ready.bytes } },
            { file: file.name, content },
          ],
        },
        ({ bytes }) => report({ progress: Math.min(1, bytes / total) }),
        signal,
      );
      return { progress: 1, segments: 1, bytes: file.bytes };
    },
    forget,
    async keepOnly(ids) {
      for (const { name } of await files.list(folder)) {
        const id = /^(.{36})\.(?:jpg\.age|manifest\.dsse\.json)/.exec(name)?.[1];
        if (id === undefined || !ids.has(id)) await files.remove(join(folder, name));
      }
    },
  };
}
