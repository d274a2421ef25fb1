import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const shipped = import.meta.dirname;
/** Debian's own file, which includes ours. */
const debianFile = '/etc/mosquitto/mosquitto.conf';

/** The broker's program; undefined where Debian's mosquitto is not installed. */
export const mosquitto = existsSync(debianFile)
  ? ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto'].find(existsSync)
  : undefined;

export interface Configured {
  /** For `mosquitto -c`. */
  file: string;
  /** Where it reads its certificates, their keys, the list of revoked ones and the ACL. */
  certificates: string;
}

/**
 * The town's broker in a folder of its own, below Debian's own configuration: only paths, user and `listener` (port and
 * address) are another, and what `changes` says. Certificates are yet to be put into their folder.
 */
export function configureBroker(
  folder: string,
  listener: string,
  changes: readonly (readonly [string | RegExp, string])[] = [],
): Configured {
  const at = (path: string): string => join(folder, path);
  for (const name of ['peio', 'conf.d', 'data']) mkdirSync(at(name), { recursive: true });
  cpSync(join(shipped, 'peio.acl'), at('peio/peio.acl'));
  writeFileSync(
    at('conf.d/peio.conf'),
    replaced(readFileSync(join(shipped, 'peio.conf'), 'utf8'), [
      ['/etc/mosquitto/peio', at('peio')],
      [/^listener 8883$/gm, `listener ${listener}`],
      ...changes,
    ]),
  );
  const debian = replaced(readFileSync(debianFile, 'utf8'), [
    ['/run/mosquitto/mosquitto.pid', at('mosquitto.pid')],
    ['/var/lib/mosquitto/', `${at('data')}/`],
    [/^log_dest .*$/gm, 'log_dest stderr'],
    ['/etc/mosquitto/conf.d', at('conf.d')],
  ]);
  const file = at('mosquitto.conf');
  writeFileSync(file, `${debian}\n${process.getuid?.() === 0 ? 'user root\n' : ''}`);
  return { file, certificates: at('peio') };
}

function replaced(text: string, changes: readonly (readonly [string | RegExp, string])[]): string {
  return changes.reduce((before, [from, to]) => {
    if (before.search(from) < 0) throw new Error(`${from} does not stand in the broker's configuration`);
    return before.replaceAll(from, to);
  }, text);
}
