import type { KeyObject } from 'node:crypto';
import { openAudit } from '#agent/audit/audit.ts';
import { openCommands } from '#agent/command/commands.ts';
import { probeRunner } from '#agent/command/probe.ts';
import type { Runner } from '#agent/command/runner.ts';
import type { Policy } from '#protocol/policy.ts';
import { fakeClock } from './fake-clock.ts';
import { quietLog } from './log.ts';
import { memoryDisk } from './memory-disk.ts';
import type { SignedWorld } from './signed-world.ts';

/** The way of a command at a node, on a disk in memory, with all that a command asks for being there. */
export async function obeyingNode(world: SignedWorld, options: { node?: string; policy?: Policy } = {}) {
  const clock = fakeClock();
  const { files, contents } = memoryDisk(() => 0);
  const node = options.node ?? 'site-09';
  const audit = await openAudit({ files, clock, folder: '/store/audit', node, key: world.keys.node });
  const done: string[] = [];
  const everything: Runner = {
    admit: async () => {},
    run: async ({ command }) => {
      done.push(command.id);
      return {};
    },
    forget: async () => {},
    keepOnly: async () => {},
  };
  const commands = await openCommands({
    files,
    clock,
    log: quietLog,
    folder: '/store/commands',
    node,
    key: world.keys.node,
    policy: () => options.policy ?? world.policy,
    clockTrusted: () => true,
    audit,
    publishStatus: () => {},
    runners: {
      probe: probeRunner(async () => {}),
      extract: everything as never,
      hold: everything as never,
      release: everything as never,
      snapshot: everything as never,
    },
  });
  return {
    /** Ids of what was carried out. */
    done,
    /** `accepted`, or the code of the refusal. */
    async order(payload: unknown, signers?: KeyObject[]): Promise<string> {
      const status = await commands.receive(world.sign(payload, signers), 'usb');
      return status?.state === 'accepted' ? 'accepted' : String(status?.reason);
    },
    lines: async () => (await audit.read(1, 1000)).map(({ text }) => text),
    /** Everything on the node's disk, as text. */
    disk: () => [...contents().values()].map((bytes) => bytes.toString('latin1')).join('\n'),
    async close() {
      await commands.close();
      await audit.close();
    },
  };
}
