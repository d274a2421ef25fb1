import { join } from 'node:path';
import { Upload } from 'tus-js-client';
import * as assert from 'uvu/assert';
import { sha256 } from '#protocol/envelope.ts';
import type { ManifestPayload } from '#protocol/manifest.ts';
import { recipientsFor } from '#protocol/policy.ts';
import { instantText } from '#protocol/time.ts';
import { openClient } from '../../deploy/hub/cli/client.ts';
import type { Hub } from '../../deploy/hub/server/hub.ts';
import { readTrusted } from '../../deploy/hub/trust.ts';
import { embeddedBroker, type TestBroker } from './brokers.ts';
import { eventually } from './eventually.ts';
import { cutClip, type SealedSegment, sealClip } from './hub-segments.ts';
import { type Finished, hubCommand, type ScriptedNode, scriptedNode, serveHub } from './hub-town.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { makeTown, type Town } from './town.ts';

/** When the first segment begins. */
export const start = Date.UTC(2026, 0, 15, 10);

/** A hub, a broker and a scripted node with sealed footage of cam-1. */
export interface World {
  folder: string;
  town: Town;
  broker: TestBroker;
  hub: Hub;
  node: ScriptedNode;
  segments: SealedSegment[];
  run(...args: string[]): Promise<Finished>;
  /** A request for cam-1 from 10:00 to 10:01; its number. */
  request(purpose?: string): Promise<string>;
  /** Prepared and authorised for the whole of the segments; its id. */
  granted(purpose?: string): Promise<string>;
  accept(id: string): Promise<void>;
  manifestOf(id: string, change?: Partial<ManifestPayload>): Buffer;
  put(id: string, file: string, bytes: Buffer, url?: string): Promise<void>;
  /** Everything sent; waits until it is complete. */
  delivered(purpose?: string): Promise<string>;
}

export async function inTown(
  body: (world: World) => Promise<void>,
  openBroker: (folder: string) => Promise<TestBroker> = embeddedBroker,
  /** Pieces of two seconds of the clip. */
  pieces = Number.POSITIVE_INFINITY,
): Promise<void> {
  using folder = temporaryFolder();
  const broker = await openBroker(folder.path);
  const camera = { id: 'cam-1', rtsp: 'rtsp://127.0.0.1:1/a' };
  const town = await makeTown(folder.path, { cameras: [camera], mqtt: broker.url });
  const { policy } = readTrusted(town.hub);
  const recipients = recipientsFor(policy, town.node, Date.now());
  const segments = await sealClip(cutClip(join(folder.path, 'cut'), 2).slice(0, pieces), start, recipients);
  const end = (segments.at(-1) as SealedSegment).start + (segments.at(-1) as SealedSegment).durationMs;
  const world: World = {
    folder: folder.path,
    town,
    broker,
    hub: await serveHub(town.hub),
    node: await scriptedNode(town.hub, town.node, broker.url),
    segments,
    run: (...args) => hubCommand([...args, '--hub', town.hub]),
    async request(purpose = 'judicial-police') {
      const who = ['--authority', 'Carabinieri di Cogolo', '--person', 'Mario Rossi, maresciallo'];
      const what = [
        '--purpose',
        purpose,
        '--reason',
        'furto in un’auto',
        '--node',
        town.node,
        '--camera',
        'cam-1',
      ];
      const when = ['--from', '2026-01-15T10:00:00Z', '--to', '2026-01-15T10:01:00Z'];
      const made = await world.run(
        'request',
        '--protocol',
        '77/2026',
        '--date',
        '2026-01-16',
        ...who,
        ...what,
        ...when,
      );
      assert.is(made.code, 0, made.err);
      return made.out.trim();
    },
    async granted(purpose) {
      const request = await world.request(purpose);
      const made = await world.run('extract', '--request', request, '--to', instantText(end));
      assert.is(made.code, 0, made.err);
      const { id } = JSON.parse(made.out) as { id: string };
      const signed = await world.run('authorise', id, '--yes');
      assert.is(signed.code, 0, signed.err);
      return id;
    },
    async accept(id) {
      const { envelope } = await openClient(town.hub).get('GET /case', { id });
      await world.node.show(world.node.log('command-accepted', { id, hash: sha256(envelope) }));
      await world.node.checkpoint(world.node.head());
      await eventually(
        'a cosignature',
        () => world.node.cosigned.at(-1)?.head.size === world.node.lines.length,
      );
      await world.node.status({ id, version: 1, state: 'accepted', auditSeq: world.node.lines.length });
    },
    manifestOf: (id, change = {}) =>
      world.node.manifest({
        command: id,
        node: town.node,
        camera: 'cam-1',
        from: instantText(start),
        to: instantText(end),
        policyVersion: 1,
        auditSeq: world.node.lines.length,
        files: segments.map(({ listed }) => listed),
        gaps: [],
        ...change,
      }),
    put: (command, file, bytes, url) =>
      new Promise((resolve, reject) => {
        const upload = new Upload(bytes, {
          endpoint: world.hub.upload,
          ...(url ? { uploadUrl: url } : {}),
          metadata: { command, file },
          retryDelays: [0, 0],
          onSuccess: () => resolve(),
          onError: reject,
        });
        upload.start();
      }),
    async delivered(purpose) {
      const id = await world.granted(purpose);
      await world.accept(id);
      await world.put(id, 'manifest.dsse.json', world.manifestOf(id));
      for (const { name, sealed } of segments) await world.put(id, name, sealed);
      await eventually('the case is complete', async () => (await stateOf(world, id)) === 'complete');
      return id;
    },
  };
  try {
    await eventually('the hub is connected', async () => {
      return (await openClient(town.hub).get('GET /status')).broker.connected;
    });
    await body(world);
  } finally {
    await world.node.close();
    await world.hub.close();
    await broker.close();
  }
}

/** A town with four seconds of footage, for tests that encode it. */
export function inShortTown(body: (world: World) => Promise<void>): Promise<void> {
  return inTown(body, embeddedBroker, 2);
}

export async function stateOf({ town }: World, id: string): Promise<string> {
  return (await openClient(town.hub).get('GET /case', { id })).state;
}

/** The status of the answer to an upload; 0 when it was taken. */
export async function refusedUpload(work: Promise<void>): Promise<number> {
  try {
    await work;
  } catch (error) {
    return (error as { originalResponse?: { getStatus(): number } }).originalResponse?.getStatus() ?? -1;
  }
  return 0;
}

export const caseFolder = ({ town }: World, id: string): string => join(town.hub, 'data', 'cases', id);

export function officerIdentity({ town }: World): string {
  return join(town.hub, 'identities', 'officer.age');
}

export async function registerLines(world: World, ...args: string[]): Promise<Record<string, unknown>[]> {
  const { code, out, err } = await world.run('register', '--json', ...args);
  assert.is(code, 0, err);
  return JSON.parse(out).lines;
}
