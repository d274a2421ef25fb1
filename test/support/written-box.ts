import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findProgram } from './real-parts.ts';
import { whyNoMounts } from './small-disk.ts';

/**
 * What one process sees of its box, as a test writes it: sensors, disks, time service. All else is the machine's. It
 * stands in a mount namespace of its own (mount_namespaces(7)).
 */
export interface WrittenBox {
  /** To start a program in it. */
  through: readonly string[];
  env: Record<string, string>;
  heat(celsius: number): void;
  disk(passed: boolean): void;
  time(synchronised: boolean): void;
}

/** Why there can be none; undefined where there can. */
export function whyNoWrittenBox(): string | undefined {
  const why = whyNoMounts();
  if (why !== undefined) return why;
  if (findProgram('smartctl') === undefined) return 'smartmontools is not installed';
  const unshare = findProgram('unshare');
  if (unshare === undefined || spawnSync(unshare, ['-m', 'true']).status !== 0) return 'no mount namespaces';
  return undefined;
}

/** A processor at 50 °C that its maker ends at 100, a disk that is well, a clock that follows a source. */
export function writtenBox(folder: string): WrittenBox {
  const zones = join(folder, 'thermal');
  const zone = join(zones, 'thermal_zone0');
  const programs = join(folder, 'programs');
  const report = join(folder, 'smart.json');
  const service = join(folder, 'time');
  mkdirSync(zone, { recursive: true });
  mkdirSync(programs);
  const program = (path: string, prints: string): void => {
    writeFileSync(path, `#!/bin/sh\nexec cat '${prints}'\n`);
    chmodSync(path, 0o755);
  };
  program(join(programs, 'timedatectl'), service);
  const smartctl = join(folder, 'smartctl');
  program(smartctl, report);
  writeFileSync(join(zone, 'type'), 'x86_pkg_temp\n');
  writeFileSync(join(zone, 'trip_point_0_type'), 'critical\n');
  writeFileSync(join(zone, 'trip_point_0_temp'), '100000\n');
  const box: WrittenBox = {
    through: [
      ...[findProgram('unshare') ?? '', '-m', 'sh', '-c'],
      `mount --bind '${zones}' /sys/class/thermal && mount --bind '${smartctl}' '${findProgram('smartctl')}' && exec "$@"`,
      'sh',
    ],
    env: { PATH: `${programs}${delimiter}${process.env['PATH']}` },
    heat: (celsius) => writeFileSync(join(zone, 'temp'), `${celsius * 1000}\n`),
    disk: (passed) =>
      writeFileSync(report, JSON.stringify({ smartctl: { exit_status: 0 }, smart_status: { passed } })),
    time: (synchronised) =>
      writeFileSync(service, `NTP=yes\nNTPSynchronized=${synchronised ? 'yes' : 'no'}\n`),
  };
  box.heat(50);
  box.disk(true);
  box.time(true);
  return box;
}
