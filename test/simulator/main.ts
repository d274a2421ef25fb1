// A process of simulated cameras: node test/simulator/main.ts [--port N] [--host H] [--cameras 2] [--user U --password P]
// [--mbit 4] [--fps 25] [--link 100] [--file F] [--audio] [--onvif]. Prints {"port", "urls", "onvif"} when ready, obeys
// one fault a line on standard input (commands.ts) and answers each with a line of JSON; ends with its input.
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { command } from './commands.ts';
import { startOnvifDevice } from './onvif.ts';
import { startSimulator } from './simulator.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
    cameras: { type: 'string', default: '2' },
    user: { type: 'string' },
    password: { type: 'string' },
    mbit: { type: 'string' },
    fps: { type: 'string' },
    link: { type: 'string' },
    file: { type: 'string' },
    audio: { type: 'boolean', default: false },
    onvif: { type: 'boolean', default: false },
  },
});
const print = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

const number = (name: string, text: string): number => {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value) || value < 0) throw new Error(`--${name} ${text}: not a number`);
  return value;
};
const account = {
  ...(values.user !== undefined && { user: values.user }),
  ...(values.password !== undefined && { password: values.password }),
};
const simulator = await startSimulator({
  port: number('port', values.port),
  host: values.host,
  cameras: Array.from({ length: number('cameras', values.cameras) }, (_, index) => ({
    path: `/cam-${index + 1}`,
    ...account,
    audio: values.audio,
    // Cameras of one process do not show the same moment, nor send their keyframes together.
    startAtSeconds: index * 3.7,
    ...(values.mbit !== undefined && { mbit: number('mbit', values.mbit) }),
    ...(values.fps !== undefined && { frameRate: number('fps', values.fps) }),
    ...(values.link !== undefined && { linkMbit: number('link', values.link) }),
    ...(values.file !== undefined && { file: values.file }),
  })),
});
const urls = simulator.paths.map((path) => simulator.url(path));
const devices = values.onvif
  ? await Promise.all(urls.map((streamUri) => startOnvifDevice({ ...account, host: values.host, streamUri })))
  : [];
print({ port: simulator.port, urls, onvif: devices.map((device) => device.url) });

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === '') continue;
  try {
    print({ done: line.trim(), result: (await command(simulator, line)) ?? null });
  } catch (error) {
    print({ refused: line.trim(), why: (error as Error).message });
  }
}
await Promise.all([simulator.close(), ...devices.map((device) => device.close())]);
