/** Bytes of a text file to characters. Subtitle files seldom say what they are written in. */

export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/**
 * UTF-16 by its byte order mark, else UTF-8 if the bytes are valid as such, else Windows-1252, in which every file can be
 * read. Line ends become `\n`; a byte order mark and NUL go.
 */
export function decodeText(bytes: Uint8Array): { readonly text: string; readonly encoding: TextEncoding } {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return decoded(bytes, 'utf-16le');
  if (first === 0xfe && second === 0xff) return decoded(bytes, 'utf-16be');
  try {
    return decoded(bytes, 'utf-8', true);
  } catch {
    return decoded(bytes, 'windows-1252');
  }
}

function decoded(bytes: Uint8Array, encoding: TextEncoding, fatal = false) {
  const text = new TextDecoder(encoding, { fatal }).decode(bytes);
  return { text: text.replace(/\r\n?/g, '\n').replaceAll('\0', '\uFFFD'), encoding };
}
