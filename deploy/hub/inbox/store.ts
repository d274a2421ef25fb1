import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { FileStore } from '@tus/file-store';
import { ERRORS, Upload } from '@tus/server';
import { diskRefusal } from '../server/disk-refusal.ts';
import type { Inbox } from './inbox.ts';

/** Nothing is kept beside the files: sizes and names come from the signed manifest. */
const nowhere = { get: async () => undefined, set: async () => {}, delete: async () => {} };

/** Files of tus uploads, where the inbox says. Everything that the base class would believe comes from here. */
export class InboxStore extends FileStore {
  readonly #inbox: Inbox;
  constructor(folder: string, inbox: Inbox) {
    super({ directory: folder, configstore: nowhere });
    this.extensions = ['creation'];
    this.#inbox = inbox;
  }
  override async create(file: Upload): Promise<Upload> {
    await this.#inbox.begin(this.#inbox.find(file.id));
    return file;
  }
  /** As the base class does, but for what a disk without room throws: that is told as what it is. */
  override async write(...[readable, id, offset]: Parameters<FileStore['write']>): Promise<number> {
    const file = createWriteStream(this.#inbox.find(id).partial, { flags: 'r+', start: offset });
    try {
      await pipeline(readable, file);
    } catch (error) {
      throw diskRefusal(error) === undefined ? ERRORS.FILE_WRITE_ERROR : error;
    }
    return offset + file.bytesWritten;
  }
  override async getUpload(id: string): Promise<Upload> {
    const expected = this.#inbox.find(id);
    return new Upload({ id, size: expected.bytes, offset: await this.#inbox.offset(expected) });
  }
}

/**
 * The base class makes its folder from its constructor, where nobody can catch that a disk refuses it, and would end the
 * hub. Each case makes its own, and says so when it cannot.
 */
Object.defineProperty(InboxStore.prototype, 'checkOrCreateDirectory', { value() {} });
