import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from './support/suite.ts';

const root = join(import.meta.dirname, '..');
const test = suite('architecture');

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

/** What a file imports: packages by name, files of ours as paths from the root. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = [
    ...text.matchAll(
      /(?:^|\n)(?:import|export)\s[^'"`;]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s+['"]([^'"]+)['"]/g,
    ),
  ];
  return found.map((match) => {
    const name = (match[1] ?? match[2] ?? match[3]) as string;
    if (name.startsWith('.')) return relative(root, join(root, dirname(file), name));
    return name.replace(/^#/, '');
  });
}

function roomOf(file: string): string {
  const [top, room, rest] = file.split('/');
  return rest === undefined ? (top as string) : `${top}/${room}`;
}

const ours = [...sources('agent'), ...sources('protocol'), ...sources('deploy')].map((file) => ({
  file,
  room: roomOf(file),
  imports: importsOf(file),
}));

/** Rooms of the agent and the rooms they may import besides themselves, `platform` and `protocol`; said in their READMEs. */
const mayImport: Record<string, string[]> = {
  'agent/platform': [],
  'agent/lifecycle': [],
  'agent/config': ['agent/camera', 'agent/link'],
  'agent/camera': [],
  'agent/store': [],
  'agent/recorder': ['agent/camera', 'agent/store', 'agent/lifecycle'],
  'agent/retention': ['agent/store'],
  'agent/alert': [],
  'agent/health': ['agent/alert', 'agent/lifecycle', 'agent/link'],
  'agent/link': ['agent/alert', 'agent/lifecycle'],
  'agent/mqtt': ['agent/lifecycle'],
  'agent/nightly': ['agent/store'],
  'agent/picture': ['agent/alert', 'agent/lifecycle'],
  'agent/reporter': ['agent/mqtt'],
  'agent/audit': [],
  'agent/policy': [],
  'agent/command': [],
  'agent/discover': ['agent/health'],
  'agent/enrol': ['agent/config'],
  'agent/extract': ['agent/command'],
  'agent/upload': ['agent/lifecycle'],
  'agent/view': [],
  // Tables: what a condition is called and says.
  'agent/web': ['agent/alert', 'agent/view'],
  'agent/cli': [
    'agent/alert',
    'agent/audit',
    'agent/camera',
    'agent/config',
    'agent/discover',
    'agent/enrol',
    'agent/health',
    'agent/lifecycle',
    'agent/mqtt',
    'agent/policy',
    'agent/store',
    'agent/view',
    'agent/web',
  ],
};

/** Node's modules that reach outside the process. */
const outside =
  /^node:(?:fs|fs\/promises|net|tls|http|https|dgram|dns|child_process|os|worker_threads|cluster|readline|sqlite)$/;

test('every room of the agent has its imports stated, and keeps to them', () => {
  const broken: string[] = [];
  for (const { file, room, imports } of ours.filter(({ file }) => file.startsWith('agent/'))) {
    if (file === 'agent/agent.ts' || file === 'agent/main.ts' || room === 'agent/assembly') continue;
    const allowed = mayImport[room];
    if (allowed === undefined) broken.push(`${file}: the room ${room} has no rule`);
    for (const imported of imports.filter(
      (name) => name.startsWith('agent/') || name.startsWith('deploy/'),
    )) {
      const target = roomOf(imported);
      const runsIt = room === 'agent/cli' && imported === 'agent/agent.ts';
      if (target !== room && target !== 'agent/platform' && !allowed?.includes(target) && !runsIt)
        broken.push(`${file} imports ${imported}`);
    }
  }
  assert.equal(broken, []);
});

test('the map of the rooms names every room, and what it may import', () => {
  const map = readFileSync(join(root, 'agent/README.md'), 'utf8');
  const rows = [...map.matchAll(/^\| `([a-z]+)` +\|[^|]*\|([^|]*)\|[^|]*\|$/gm)].map(
    ([, room, imports = '']) => ({
      room: `agent/${room}`,
      imports: [...imports.matchAll(/`([a-z]+)`/g)].map(([, name]) => `agent/${name}`).sort(),
    }),
  );
  assert.equal(rows.map(({ room }) => room).sort(), [...Object.keys(mayImport), 'agent/assembly'].sort());
  for (const { room, imports } of rows)
    if (room !== 'agent/cli' && room !== 'agent/assembly')
      assert.equal(imports, [...(mayImport[room] ?? [])].sort(), room);
});

test('nothing but platform touches clock, disk, network, processes or chance', () => {
  const broken: string[] = [];
  for (const { file, room, imports } of ours.filter(({ file }) => /^(?:agent|protocol)\//.test(file))) {
    if (room === 'agent/platform') continue;
    for (const name of imports) if (outside.test(name)) broken.push(`${file} imports ${name}`);
    const code = readFileSync(join(root, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    for (const call of code.matchAll(
      /\b(?:Date\.now|performance\.now|setTimeout|setInterval|Math\.random|new Date)\(\)?/g,
    ))
      if (!(call[0] === 'new Date(')) broken.push(`${file} calls ${call[0]}`);
  }
  assert.equal(broken, []);
});

test('protocol imports nothing of ours but protocol', () => {
  const broken = ours
    .filter(({ file }) => file.startsWith('protocol/'))
    .flatMap(({ file, imports }) =>
      imports
        .filter((name) => /^(?:agent|deploy|test)\//.test(name))
        .map((name) => `${file} imports ${name}`),
    );
  assert.equal(broken, []);
});

test('the agent knows nothing of deploy and test, deploy nothing of the rooms it has no business with', () => {
  const rooms = [
    ...['agent/platform', 'agent/lifecycle', 'agent/mqtt', 'agent/view', 'agent/agent.ts'],
    // Tables: what a condition is called.
    ...['agent/alert/conditions.ts', 'agent/alert/condition.ts', 'agent/alert/translate.ts'],
    // The page of a box, as the town hall sees it.
    ...['agent/web/site-parts.ts', 'agent/web/site-words.ts'],
    // The same reflector at both ends of a link.
    ...['agent/link/stamp-reflector.ts', 'agent/link/stamp-clock.ts'],
  ];
  const broken = ours.flatMap(({ file, imports }) =>
    imports
      .filter((name) => {
        if (file.startsWith('agent/')) return /^(?:deploy|test)\//.test(name);
        if (file.startsWith('deploy/hub/'))
          return (
            /^(?:test|agent)\//.test(name) &&
            !rooms.some((room) => name === room || name.startsWith(`${room}/`))
          );
        return false;
      })
      .map((name) => `${file} imports ${name}`),
  );
  assert.equal(broken, []);
});

test('the top of the agent is imported by the command line alone, its stages by the top', () => {
  const importers = ours.filter(({ imports }) => imports.includes('agent/agent.ts')).map(({ file }) => file);
  assert.equal(importers, ['agent/cli/apply.ts', 'agent/cli/run.ts']);
  const stages = ours.filter(
    ({ room, imports }) =>
      room !== 'agent/assembly' && imports.some((name) => name.startsWith('agent/assembly/')),
  );
  assert.equal(
    stages.map(({ file }) => file),
    ['agent/agent.ts'],
  );
});

test('a library that hides traps has one importer', () => {
  for (const [library, room] of [
    ['mqtt', 'agent/mqtt'],
    ['onvif', 'agent/health'],
    ['lowdb', 'agent/store'],
    ['systeminformation', 'agent/platform'],
    ['net-snmp', 'agent/link'],
    ['pino', 'agent/platform'],
    ['node-cron', 'agent/platform'],
    ['prom-client', 'agent/view'],
  ] as const) {
    // An example is another program.
    const importers = ours.filter(
      ({ room, imports }) =>
        room !== 'deploy/examples' &&
        imports.some((name) => name === library || name.startsWith(`${library}/`)),
    );
    assert.ok(importers.length <= 1, `${library}: ${importers.map(({ file }) => file).join(', ')}`);
    for (const { file } of importers) assert.is(roomOf(file), room);
  }
});

test('every folder that keeps state says its invariants', () => {
  const rooms = readdirSync(join(root, 'agent')).filter((name) =>
    statSync(join(root, 'agent', name)).isDirectory(),
  );
  for (const room of [
    'store',
    'recorder',
    'audit',
    'retention',
    'extract',
    'command',
    'policy',
    'nightly',
  ].filter((name) => rooms.includes(name)))
    assert.match(readFileSync(join(root, 'agent', room, 'README.md'), 'utf8'), /^# .*\n\nInvariants:/);
});
