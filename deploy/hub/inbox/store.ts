import { relative } from 'node:path';
import { FileStore } from '@tus/file-store';
import { Upload } from '@tus/server';
import type { Inbox } from './inbox.ts';

/** Nothing is kept beside the files: sizes and names come from the signed manifest. */
const nowhere = { get: async () => undefined, set: async () => {}, delete: async () => {} };

/** Files of tus uploads, where the inbox says. The base class writes; everything it would believe comes from here. */
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
  override write(...[readable, id, offset]: Parameters<FileStore['write']>): Promise<number> {
    // The base class resolves a path below its folder.
    return super.write(readable, relative(this.directory, this.#inbox.find(id).partial), offset);
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
