/**
 * What threads compute for this process comes back when the machine gets to it, however far a test's own clock has gone
 * by then. Counts the operations of Web Crypto under way: seals are made of them.
 */
let underWay = 0;
for (const name of Object.getOwnPropertyNames(SubtleCrypto.prototype)) {
  const { value } = Object.getOwnPropertyDescriptor(SubtleCrypto.prototype, name) ?? {};
  if (name === 'constructor' || typeof value !== 'function') continue;
  const counted = async function (this: object, ...args: unknown[]): Promise<unknown> {
    underWay += 1;
    try {
      return await value.apply(this, args);
    } finally {
      underWay -= 1;
    }
  };
  Object.defineProperty(SubtleCrypto.prototype, name, { value: counted, configurable: true, writable: true });
}

/** Lets promises settle, and waits for whatever they ask of threads meanwhile. */
export async function settled(): Promise<void> {
  for (let quiet = 0; quiet < 10; quiet = underWay > 0 ? 0 : quiet + 1)
    await new Promise((resolve) => setImmediate(resolve));
}
