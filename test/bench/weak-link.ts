import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A veth pair into a network namespace, shaped by tbf on the way in. Needs root, iproute2 and tc. */
export interface WeakLink extends Disposable {
  namespace: string;
  /** Of the far end. */
  address: string;
  rate(mbit: number): void;
  /** Bytes that this end has put on the wire, headers and repetitions included. */
  sentBytes(): number;
  /** Gives this end another address: connections of before are dead, and nobody is told. */
  move(): void;
}

const run = (command: string, ...args: string[]): void => void execFileSync(command, args, { stdio: 'pipe' });

/** Undefined where this machine cannot make one. */
export function openWeakLink(): WeakLink | undefined {
  const tag = process.pid.toString(36);
  const namespace = `peio-${tag}`;
  const near = `pn${tag}`;
  const far = `pf${tag}`;
  let host = 1;
  try {
    run('ip', 'netns', 'add', namespace);
  } catch {
    return undefined;
  }
  run('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', far);
  run('ip', 'link', 'set', far, 'netns', namespace);
  run('ip', 'addr', 'add', `10.98.76.${host}/24`, 'dev', near);
  run('ip', 'link', 'set', near, 'up');
  run('ip', '-n', namespace, 'addr', 'add', '10.98.76.254/24', 'dev', far);
  run('ip', '-n', namespace, 'link', 'set', far, 'up');
  return {
    namespace,
    address: '10.98.76.254',
    rate(mbit) {
      run(
        'tc',
        'qdisc',
        'replace',
        'dev',
        near,
        'root',
        'tbf',
        'rate',
        `${mbit}mbit`,
        'burst',
        '32kb',
        'latency',
        '80ms',
      );
    },
    sentBytes: () => Number(readFileSync(`/sys/class/net/${near}/statistics/tx_bytes`, 'utf8')),
    move() {
      const old = `10.98.76.${host}/24`;
      host = 1 + (host % 200);
      run('ip', 'addr', 'del', old, 'dev', near);
      run('ip', 'addr', 'add', `10.98.76.${host}/24`, 'dev', near);
    },
    [Symbol.dispose]() {
      run('ip', 'link', 'del', near);
      run('ip', 'netns', 'del', namespace);
    },
  };
}
