/** A write and a sync of each of fourteen cameras, and some for everything else. */
const threads = 32;

/**
 * Lets more calls to the disk be under way than Node's four: on a disk that takes long to sync, what four cameras sync
 * would keep the writes of all others waiting in memory, where a kill takes them. To be called before the first of them.
 */
export function widenDiskThreads(env: NodeJS.ProcessEnv = process.env): void {
  env['UV_THREADPOOL_SIZE'] ??= String(threads);
}
