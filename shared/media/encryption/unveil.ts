import { type BoxAt, boxesAt } from './box-bytes.ts';
import { entryFieldBytes, sampleDescriptionHeadBytes, sampleDescriptionPath } from './sample-format.ts';

const kinds: Readonly<Record<string, keyof typeof entryFieldBytes>> = { encv: 'video', enca: 'audio' };

/**
 * Gives protected sample entries the names that they had before (`frma`), in the bytes themselves, so that what knows
 * nothing of encryption reads the rest of them.
 *
 * Returns for each track in order the scheme that it is protected by; null where it is clear. What cannot be read is
 * left as it is.
 */
export function unveil(headers: Buffer): (string | null)[] {
  const moov = readable(headers, 0, headers.length).find(({ type }) => type === 'moov');
  if (!moov) return [];
  return readable(headers, moov.body, moov.end)
    .filter(({ type }) => type === 'trak')
    .map((trak) => unveilTrack(headers, trak));
}

function unveilTrack(bytes: Buffer, trak: BoxAt): string | null {
  const [, , ...path] = sampleDescriptionPath;
  const stsd = inside(bytes, trak, path);
  const [entry] = stsd ? readable(bytes, stsd.body + sampleDescriptionHeadBytes, stsd.end) : [];
  const kind = kinds[entry?.type ?? ''];
  if (!entry || !kind) return null;
  const sinf = readable(bytes, entry.body + entryFieldBytes[kind], entry.end).find(({ type }) => type === 'sinf');
  const frma = sinf && inside(bytes, sinf, ['frma']);
  const schm = sinf && inside(bytes, sinf, ['schm']);
  if (!frma || !schm) return null;
  bytes.copy(bytes, entry.start + 4, frma.body, frma.body + 4);
  return bytes.toString('latin1', schm.body + 4, schm.body + 8);
}

function inside(bytes: Buffer, outer: BoxAt, [type, ...path]: readonly string[]): BoxAt | undefined {
  if (type === undefined) return outer;
  const found = readable(bytes, outer.body, outer.end).find((box) => box.type === type);
  return found && inside(bytes, found, path);
}

function readable(bytes: Buffer, from: number, to: number): BoxAt[] {
  try {
    return boxesAt(bytes, from, to);
  } catch {
    return [];
  }
}
