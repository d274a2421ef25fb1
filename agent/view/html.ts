/** Text that is HTML already; everything else is escaped where it is put in. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString(): string {
    return this.text;
  }
}

export type Inner = Html | string | number | undefined | false | readonly Inner[];

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function render(inner: Inner): string {
  if (inner === undefined || inner === false) return '';
  if (inner instanceof Html) return inner.text;
  if (typeof inner === 'object') return inner.map(render).join('');
  return String(inner).replaceAll(/[&<>"']/g, (character) => entities[character]!);
}

/** Every value is escaped, for text and for attributes in double quotes. */
export function html(strings: TemplateStringsArray, ...values: Inner[]): Html {
  return new Html(strings.reduce((text, string, i) => text + render(values[i - 1]) + string));
}
