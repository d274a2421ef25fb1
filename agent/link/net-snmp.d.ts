/** The part of net-snmp 3 that is used; the package has no types. */
declare module 'net-snmp' {
  export interface Varbind {
    oid: string;
    type: number;
    value: unknown;
  }
  export interface Session {
    getNext(oids: string[], done: (error: Error | null, varbinds: Varbind[]) => void): void;
    on(event: 'error', then: (error: Error) => void): void;
    close(): void;
  }
  export interface User {
    name: string;
    level: number;
    authProtocol?: string;
    authKey?: string;
    privProtocol?: string;
    privKey?: string;
  }
  export interface Options {
    port: number;
    version?: number;
    timeout: number;
    retries: number;
    transport: 'udp4' | 'udp6';
  }
  const snmp: {
    Version2c: number;
    SecurityLevel: { noAuthNoPriv: number; authNoPriv: number; authPriv: number };
    AuthProtocols: Record<'sha' | 'sha256', string>;
    PrivProtocols: Record<'aes', string>;
    createSession(host: string, community: string, options: Options): Session;
    createV3Session(host: string, user: User, options: Options): Session;
    isVarbindError(varbind: Varbind): boolean;
  };
  export default snmp;
}
