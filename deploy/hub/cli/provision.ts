import { resolve } from 'node:path';
import { systemClock } from '#agent/platform/clock.ts';
import { Failure } from '#protocol/failure.ts';
import { makeBundle } from '../setup/bundle.ts';
import { readTrusted } from '../trust.ts';
import type { Command } from './command.ts';

export const provision: Command = {
  summary: 'Makes what a box needs to ask for its place: configuration, signed policy, roots, authority.',
  usage: 'NODE… | --all --out DIR',
  notes: `One folder a node below DIR, with nothing secret in it. On the box: peio-agent enrol --bundle DIR/NODE.
What can be configured is in nodes/NODE/agent.yaml of the hub's folder; change it there before.`,
  arguments: { least: 0, most: 1000 },
  options: {
    all: { type: 'boolean', help: 'every node of the policy' },
    out: { type: 'string', value: 'DIR', help: 'where the folders go, such as a stick' },
    sites: { type: 'string', value: 'FILE', help: 'list of sites for a node without an agent.yaml yet' },
    json: { type: 'boolean', help: 'the folders as JSON' },
  },
  async run(call) {
    const settings = call.settings();
    const out = resolve(call.need('out'));
    const trusted = readTrusted(call.dir);
    const nodes = call.flag('all') ? trusted.policy.nodes.map(({ id }) => id) : call.positionals;
    if (nodes.length === 0 || (call.flag('all') && call.positionals.length > 0))
      throw new Failure('usage', 'usage', 'name the nodes, or give --all');
    const folders = nodes.map((node) =>
      makeBundle(node, { settings, trusted, out, sites: call.option('sites'), utcMs: systemClock.utc() }),
    );
    if (call.flag('json')) call.terminal.print(JSON.stringify(folders));
    else for (const folder of folders) call.terminal.print(folder);
    // What the box shows as the roots that it believes; whoever stands before it compares.
    const roots = trusted.policy.persons.flatMap(({ keys }) => keys).filter(({ role }) => role === 'root');
    const ids = roots.map(({ keyid }) => keyid.slice(0, 16)).join(', ');
    call.terminal.note(settings.lang === 'it' ? `radici: ${ids}` : `roots: ${ids}`);
    return 0;
  },
};
