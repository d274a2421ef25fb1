/** One tag of a document, names without their prefixes. */
export interface Tag {
  name: string;
  /** `open` for a tag with or without an end of its own. */
  kind: 'open' | 'close';
  attributes: string;
  /** Text up to the next tag. */
  text: string;
}

/**
 * The tags of a document in order. It looks at each character once, whatever stands there, and believes nothing: whoever
 * reads decides what a missing end means.
 */
export function* tagsOf(xml: string): Generator<Tag> {
  let at = xml.indexOf('<');
  while (at >= 0) {
    const end = xml.indexOf('>', at);
    if (end < 0) return;
    const next = xml.indexOf('<', end);
    const inside = xml.slice(at + 1, end);
    const text = xml.slice(end + 1, next < 0 ? xml.length : next);
    at = next;
    const kind = inside.startsWith('/') ? 'close' : 'open';
    const space = inside.search(/[\s/]/);
    const whole = kind === 'close' ? inside.slice(1).trim() : space > 0 ? inside.slice(0, space) : inside;
    if (/^[?!]/.test(whole)) continue;
    const attributes = kind === 'close' || space < 0 ? '' : inside.slice(space);
    yield { name: whole.slice(whole.indexOf(':') + 1), kind, attributes, text };
  }
}

/** The value of an attribute, which must not be longer than `most`. */
export function attributeOf(
  { attributes }: Pick<Tag, 'attributes'>,
  name: string,
  most = 200,
): string | undefined {
  const at = attributes.search(new RegExp(`(?:^|[\\s:])${name}\\s*=\\s*["']`));
  if (at < 0) return undefined;
  const quoteAt = attributes.slice(at).search(/["']/) + at;
  const end = attributes.indexOf(attributes[quoteAt] as string, quoteAt + 1);
  const value = end < 0 ? undefined : attributes.slice(quoteAt + 1, end);
  return value === undefined || value.length > most ? undefined : value;
}
