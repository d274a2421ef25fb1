import { join } from 'node:path';
import type { CommandStatus } from '#protocol/status.ts';
import { openCommands } from '../command/commands.ts';
import { probeRunner } from '../command/probe.ts';
import { applyCommand } from '../extract/apply.ts';
import type { ApplyRequest } from '../web/local.ts';
import type { Keeping } from './keeping.ts';
import type { Memory } from './memory.ts';
import type { Life } from './node.ts';
import type { Sight } from './sight.ts';
import type { Voice } from './voice.ts';

/** Begins to obey: from the broker at once, from a stick through what is returned. */
export async function obey(
  life: Life,
  memory: Memory,
  voice: Voice,
  keeping: Keeping,
  sight: Sight,
): Promise<(request: ApplyRequest) => Promise<CommandStatus>> {
  const { files, clock, log, config, scope } = life;
  const { audit, policy, trust } = memory;
  const { extractions, holds, copies, snapshots } = keeping;
  const commands = await openCommands({
    files,
    clock,
    log,
    folder: join(memory.dir, 'commands'),
    node: config.node,
    key: config.signingKey,
    policy: () => policy.current().policy,
    clockTrusted: trust.trusted,
    audit,
    publishStatus(id, text, retained) {
      voice.reporter?.status(id, text, retained);
      voice.heads?.show();
    },
    runners: {
      probe: probeRunner(sight.publish),
      extract: extractions.runner,
      hold: holds.hold,
      release: holds.release,
      snapshot: snapshots,
    },
  });
  scope.defer(() => commands.close());
  voice.obey((message) => commands.receive(message, 'mqtt'));
  const prove = (seq: number) => audit.prove(seq, policy.current());
  const parts = { files, commands, copies, key: config.signingKey, prove };
  return ({ command, out }) => applyCommand(parts, Buffer.from(command, 'base64'), out, life.ending.signal);
}
