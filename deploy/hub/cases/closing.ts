import type { Inbox } from '../inbox/inbox.ts';
import { serial } from '../serial.ts';
import type { Dispatch } from '../server/dispatch.ts';
import type { Cases } from './cases.ts';

/** The end of a case: its footage goes, its manifest, hashes and lines stay (Art. 9 c. 1 g). */
export interface Closing {
  /** Throws `under-way` while a delivery may still come. */
  close(id: string, by: string, why?: 'unopened'): Promise<{ files: number; bytes: number }>;
  /** Ends what a crash interrupted. */
  resume(): Promise<void>;
}

/**
 * Two who close one case come one after the other, and the second finds it closed.
 * 1 the register says what goes, and the case takes nothing in any more; 2 the files go, and their folders;
 * 3 the case is closed; 4 the retained status goes from the broker, now or at the next connection.
 * A crash after 1 is taken up at the next start, also when the case's own file did not learn of it any more.
 */
export function openClosing(cases: Cases, inbox: Inbox, dispatch: Dispatch): Closing {
  const turns = serial();
  async function erase(id: string): Promise<{ files: number; bytes: number }> {
    const erased = await inbox.erase(cases.get(id));
    await cases.closed(id);
    await dispatch.clear(cases.get(id));
    return erased;
  }
  return {
    close: (id, by, why) =>
      turns.run(id, async () => {
        const { state, manifest } = cases.get(id);
        if (state === 'closed') return { files: 0, bytes: 0 };
        const listed = manifest?.files.map(({ name, sha256 }) => ({ name, sha256 })) ?? [];
        await cases.beginClosing(id, by, listed, why);
        return await erase(id);
      }),
    async resume() {
      for (const { id, state } of cases.all()) if (state === 'closing') await turns.run(id, () => erase(id));
    },
  };
}
