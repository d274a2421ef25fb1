import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const script = join(import.meta.dirname, 'gstreamer-server.py');
const needed =
  "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer";

/** A Python that knows GStreamer's RTSP server: Debian's own first, whatever comes first on the path. */
export const gstreamerPython: string | undefined = ['/usr/bin/python3', 'python3'].find(
  (python) => spawnSync(python, ['-c', needed], { stdio: 'ignore' }).status === 0,
);

export interface GstreamerServer extends AsyncDisposable {
  /** Loops the file for any number of clients, all of them seeing the same packets. */
  url: string;
}

/** GStreamer's RTSP server on a free port of loopback, with the H.264 of `file`. Ends when disposed of. */
export async function startGstreamer(python: string, file: string): Promise<GstreamerServer> {
  const child = spawn(python, [script, file], { stdio: ['pipe', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = once(child, 'close');
  const port = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    ended.then(() => reject(new Error(`GStreamer's server ended: ${stderr}`)), reject);
  });
  return {
    url: `rtsp://127.0.0.1:${port}/cam-1`,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}
