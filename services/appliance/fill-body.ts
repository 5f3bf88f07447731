/** The body of a fill's request, put where it is to lie. */
export interface FillBody {
  /** Fills the buffer as far as the body goes: with less only at its end. @throws Error where it breaks off. */
  read(into: Buffer): Promise<number>;
}

/** Of a body that comes in pieces of its own. What is not asked for is left to whoever sends it. */
export function bodyOf(pieces: AsyncIterable<Uint8Array>): FillBody {
  const source = pieces[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array();
  return {
    async read(into) {
      let length = 0;
      while (length < into.length) {
        if (rest.length === 0) {
          const next = await source.next();
          if (next.done) break;
          rest = next.value;
        }
        const part = rest.subarray(0, into.length - length);
        into.set(part, length);
        length += part.length;
        rest = rest.subarray(part.length);
      }
      return length;
    },
  };
}
