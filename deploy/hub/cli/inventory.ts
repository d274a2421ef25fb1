import { Failure } from '#protocol/failure.ts';
import { problemsOf, summaryOf } from '../setup/check-sites.ts';
import { disagreements, readSites } from '../setup/sites.ts';
import type { Command } from './command.ts';

export const inventory: Command = {
  summary: 'Checks the list of sites, relays and cameras, and says what about it needs confirming.',
  usage: 'check [FILE] [--json]',
  notes: `Without FILE the list that came with this program (deploy/sites/inventory.json, from the annexes).
Exit 0: a town can be built from it; 1: something in it cannot be; 78: it is no such list. Where the annexes disagree,
and what is an assumption, is said and does not fail the check.`,
  arguments: { least: 1, most: 2 },
  options: { json: { type: 'boolean', help: 'the answer as JSON' } },
  async run(call) {
    const [what, file] = call.positionals;
    if (what !== 'check')
      throw new Failure(
        'usage',
        'usage',
        `"${what}" is nothing to do with an inventory: hub inventory check`,
      );
    const sites = readSites(file);
    const summary = summaryOf(sites);
    const problems = problemsOf(sites);
    const differing = disagreements(sites);
    const { terminal } = call;
    if (call.flag('json'))
      terminal.print(
        JSON.stringify({
          ok: problems.length === 0,
          ...summary,
          problems,
          disagreements: differing,
          confirm: sites.confirm,
        }),
      );
    else {
      terminal.print(
        `${summary.sites} sites, ${summary.relays} relays, ${summary.cameras} cameras (${summary.ptz} PTZ), retention ${sites.retention}, no audio`,
      );
      for (const { id, name, cameras, uplink } of sites.nodes)
        terminal.print(
          `  ${id.padEnd(10)} ${String(cameras.length).padStart(2)}  ${name}${uplink ? ` → ${uplink.to}` : ''}`,
        );
      if (differing.length > 0) {
        terminal.print(
          `Annex A and annex B disagree, ${summary.cameras} and ${summary.camerasAnnexB} cameras; A is followed:`,
        );
        for (const sentence of differing) terminal.print(`  ! ${sentence}`);
      }
      if (sites.confirm.length > 0) terminal.print('To confirm:');
      for (const sentence of sites.confirm) terminal.print(`  ? ${sentence}`);
      for (const sentence of problems) terminal.print(`  ▲ ${sentence}`);
    }
    return problems.length === 0 ? 0 : 1;
  },
};
