/**
 * Long lists of a document in parts beside it: `<document>.parts/<sha256>.ndjson.gz`, a line of JSON each, gzipped.
 *
 * A part is named by its digest and written before the document that names it, so that a list is there whole or not at all, a
 * repeated write is harmless, and what the document says cannot be changed behind it. Memory is bounded by a few parts, however
 * long the list. `zcat` and `zgrep` read it.
 */
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import pLimit from 'p-limit';
import type { Span } from '../../ports/documents.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { UnreadableDocumentError } from './store-json.ts';

const pack = promisify(gzip);
const unpack = promisify(gunzip);

/** What a document says of one of its parts. */
export interface Part {
  /** Which of the document's lists it is of. */
  readonly list: string;
  /** Place of its first line in that list. */
  readonly first: number;
  readonly lines: number;
  /** Stored, as `sha256` is of the stored bytes. */
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** About 4 MB of text and a fifth of that stored. */
export const usualLinesAPart = 16_384;
/** Digests do not shrink at any level, and the rest does at the quickest. */
const level = 1;
/** One is packed and sent while the next is made. */
const partsAtOnce = 2;

/** Where the parts of a document lie, and how each is named there. */
export const partsFolder = (documentKey: string): string => `${documentKey.replace(/\.json$/, '')}.parts/`;
export const partKey = (folder: string, { sha256 }: Pick<Part, 'sha256'>): string => `${folder}${sha256}.ndjson.gz`;

export function makeParts(store: ObjectStore, documentKey: string, linesAPart = usualLinesAPart) {
  const folder = partsFolder(documentKey);
  const keyOf = (part: Pick<Part, 'sha256'>): string => partKey(folder, part);

  async function put(list: string, first: number, lines: number, text: string): Promise<Part> {
    const bytes = await pack(text, { level });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await store.put(keyOf({ sha256 }), bytes, { sha256, sizeBytes: bytes.length });
    return { list, first, lines, sizeBytes: bytes.length, sha256 };
  }

  return {
    async write(list: string, lines: Iterable<unknown>): Promise<Part[]> {
      const atOnce = pLimit(partsAtOnce);
      const parts: Promise<Part>[] = [];
      let [texts, first] = [[] as string[], 0];
      const flush = (): void => {
        const [from, count, text] = [first, texts.length, `${texts.join('\n')}\n`];
        const part = atOnce(() => put(list, from, count, text));
        // Told at the end, or when it is waited for.
        part.catch(() => undefined);
        parts.push(part);
        first += count;
        texts = [];
      };
      try {
        for (const line of lines) {
          texts.push(JSON.stringify(line));
          if (texts.length < linesAPart) continue;
          flush();
          if (parts.length >= partsAtOnce) await parts[parts.length - partsAtOnce];
        }
        if (texts.length > 0) flush();
      } finally {
        await Promise.allSettled(parts);
      }
      return Promise.all(parts);
    },

    /** @throws UnreadableDocumentError when it is gone or is not what was written */
    async read<T>(part: Part): Promise<T[]> {
      const key = keyOf(part);
      const found = await store.get(key);
      if (!found) throw new UnreadableDocumentError(key, `it is gone, though ${documentKey} names it; restore it`);
      const bytes = await buffer(found.body);
      if (createHash('sha256').update(bytes).digest('hex') !== part.sha256)
        throw new UnreadableDocumentError(key, 'its bytes are not those that were written; restore it from a backup');
      const texts = (await unpack(bytes)).toString('utf8').split('\n', part.lines);
      return texts.map((text) => JSON.parse(text) as T);
    },

    /** Deletes parts that no document names: of a writer that died, or came second. */
    async sweep(named: readonly Part[]): Promise<void> {
      const kept = new Set(named.map(keyOf));
      const atOnce = pLimit(partsAtOnce);
      const deletions: Promise<void>[] = [];
      for await (const { key } of store.list(folder))
        if (!kept.has(key)) deletions.push(atOnce(() => store.delete(key)));
      await Promise.all(deletions);
    },

    /** Deletes some parts, but for those that are still named. */
    async forget(parts: readonly Part[], named: readonly Part[]): Promise<void> {
      const kept = new Set(named.map(keyOf));
      for (const part of parts) if (!kept.has(keyOf(part))) await store.delete(keyOf(part));
    },
  };
}

export type Parts = ReturnType<typeof makeParts>;

/** Some lines of a list of which the document names `parts`, from those alone that hold them. */
export async function spanIn<T>(parts: Parts, named: readonly Part[], { first, count }: Span): Promise<T[]> {
  const wanted = named.filter((part) => part.first < first + count && part.first + part.lines > first);
  const lines: T[] = [];
  for await (const some of linesIn<T>(parts, wanted)) lines.push(...some);
  const from = first - (wanted[0]?.first ?? 0);
  return lines.slice(from, from + count);
}

/** In order, each read while the one before it is used. */
export async function* linesIn<T>(parts: Parts, wanted: readonly Part[]): AsyncGenerator<readonly T[]> {
  const reading: Promise<T[]>[] = [];
  const begin = (part: Part | undefined): void => {
    if (!part) return;
    const read = parts.read<T>(part);
    // Told where it is waited for.
    read.catch(() => undefined);
    reading.push(read);
  };
  begin(wanted[0]);
  for (let at = 0; at < wanted.length; at += 1) {
    begin(wanted[at + 1]);
    const lines = await reading.shift();
    if (lines) yield lines;
  }
}
