import type { Simulator } from './simulator.ts';

/**
 * Runs one line, `FAULT PATH [ARGUMENT]`: stopSending, resumeSending, closeConnections, refuse, accept, unplug, plug,
 * newSource, goodbye; setPassword WORD, offer video|other-codec|no-video, garbage BYTES, lose PACKETS, jumpTimestamp MS,
 * show FILE; counters answers with the camera's counters. Throws on anything else.
 */
export async function command(simulator: Simulator, line: string): Promise<unknown> {
  const [fault, path = '', argument = ''] = line.trim().split(/\s+/);
  const camera = simulator.camera(path);
  switch (fault) {
    case 'stopSending':
    case 'resumeSending':
    case 'closeConnections':
    case 'refuse':
    case 'accept':
    case 'newSource':
    case 'goodbye':
      return camera[fault]();
    case 'unplug':
    case 'plug':
      return await camera[fault]();
    case 'setPassword':
    case 'show':
      if (argument === '') throw new Error(`${fault} needs an argument`);
      return camera[fault](argument);
    case 'offer':
      if (argument !== 'video' && argument !== 'other-codec' && argument !== 'no-video')
        throw new Error(`no offer ${argument}`);
      return camera.offer(argument);
    case 'garbage':
    case 'lose':
    case 'jumpTimestamp': {
      const value = Number(argument);
      if (argument === '' || !Number.isInteger(value)) throw new Error(`${fault} needs a number`);
      return camera[fault](value);
    }
    case 'counters':
      return camera.counters();
    default:
      throw new Error(`no fault ${fault}`);
  }
}
