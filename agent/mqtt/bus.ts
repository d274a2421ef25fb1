/** MQTT as the rooms see it: the one file that knows the library is connection.ts. */

export interface Publication {
  topic: string;
  payload: string | Buffer;
  retain: boolean;
  /** MQTT 5 only, comfort: whatever depends on an expiry carries its own. */
  expirySeconds?: number;
}

export interface Bus {
  /**
   * QoS 1. Resolves when the broker has it; rejects with `offline` when there is no connection or it breaks before
   * the acknowledgement. Nothing is queued: who has something to say says it again after {@link onConnect}.
   */
  publish(publication: Publication): Promise<void>;
  /** False between connections: then `publish` rejects at once. */
  connected(): boolean;
  /** `5` or `3.1.1`, of the current or last connection. */
  protocol(): string;
  reconnects(): number;
  /** Calls `then` on every connection, after the subscriptions are in place. It must not throw (a bug, which ends the process). */
  onConnect(then: () => void): void;
  /**
   * Subscribes at QoS 1 on this and every later connection. The broker gets its acknowledgement when `handle` has
   * resolved: what must survive a crash is on disk by then. A handler that throws ends the process (a bug).
   */
  subscribe(
    filter: string,
    handle: (message: { topic: string; payload: Buffer; retained: boolean }) => Promise<void>,
  ): void;
  /** Publishes nothing itself; waits at most two seconds for what is under way. */
  close(): Promise<void>;
}

export interface Will {
  topic: string;
  payload: string;
  delaySeconds: number;
}
