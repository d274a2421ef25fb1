import { Encrypter } from 'age-encryption';
import { Failure } from '../failure.ts';

/** Recipients that were checked together: made by {@link parseRecipients} alone. */
export type Recipients = readonly string[] & { readonly checked: unique symbol };

const postQuantum = ['age1pq1', 'age1tagpq1'];

/**
 * At least two different recipients (officer and escrow: one lost key must not lose everything), each well formed,
 * all post-quantum or none: one X25519 stanza beside a post-quantum one undoes its protection, and the library does
 * not stop it. Throws `invalid`: `recipient-malformed`, `recipients-too-few`, `recipients-mixed`.
 */
export function parseRecipients(list: readonly string[]): Recipients {
  for (const recipient of list) {
    try {
      new Encrypter().addRecipient(recipient);
    } catch (cause) {
      throw new Failure('invalid', 'recipient-malformed', `not an age recipient: ${recipient}`, { cause });
    }
  }
  if (new Set(list).size < 2)
    throw new Failure('invalid', 'recipients-too-few', 'at least two different recipients are needed');
  const strong = list.filter((recipient) => postQuantum.some((prefix) => recipient.startsWith(prefix)));
  if (strong.length !== 0 && strong.length !== list.length)
    throw new Failure('invalid', 'recipients-mixed', 'post-quantum and other recipients cannot be mixed');
  return [...new Set(list)] as unknown as Recipients;
}
