/** Lists of a plan as columns: what a line says is put together again when it is asked for. */
import type { PlannedFile, PlanReason, PlanRejection } from '../fill.ts';
import { planReasons } from '../fill.ts';
import type { Lines } from './lines.ts';

/** Lines that grow, and texts that are kept once. */
const blockLines = 4_096;
const digestLength = 64;
const unpinnedBit = 128;

interface FileBlock {
  readonly sizes: Float64Array;
  readonly expected: Float64Array;
  readonly values: Float64Array;
  /** Places of `<assetId>/<version>/`, of the rest of the key, and of the rendition in the texts. */
  readonly versions: Uint32Array;
  readonly paths: Uint32Array;
  readonly renditions: Uint32Array;
  /** With `unpinnedBit` for what the plan does not pin. */
  readonly reasons: Uint8Array;
  /** One after the other; a list where one is no SHA-256 in hex. */
  digests: string | readonly string[];
}

export function makePlannedFiles(): { add(file: PlannedFile): void; readonly lines: Lines<PlannedFile> } {
  const blocks: FileBlock[] = [];
  const versions = makeTexts();
  const paths = makeTexts();
  const renditions = makeTexts();
  let length = 0;
  let digests: string[] = [];

  const at = (place: number): PlannedFile | undefined => {
    const block = blocks[Math.floor(place / blockLines)];
    if (!block || place >= length || place < 0) return undefined;
    const line = place % blockLines;
    const version = versions.at(block.versions[line] ?? 0) ?? '';
    const isGrowing = place >= length - digests.length;
    return {
      key: version + (paths.at(block.paths[line] ?? 0) ?? ''),
      assetId: version.slice(0, version.indexOf('/')),
      rendition: renditions.at(block.renditions[line] ?? 0),
      sizeBytes: block.sizes[line] ?? 0,
      sha256: (isGrowing ? digests[line] : digestAt(block.digests, line)) ?? '',
      expectedBytes: block.expected[line] ?? 0,
      value: block.values[line] ?? 0,
      reason: planReasons[(block.reasons[line] ?? 0) & ~unpinnedBit] ?? 'expected-demand',
      ...((block.reasons[line] ?? 0) & unpinnedBit ? { pinned: false } : {}),
    };
  };

  return {
    add({ key, rendition, sizeBytes, sha256, expectedBytes, value, reason, pinned }) {
      const line = length % blockLines;
      if (line === 0) blocks.push(emptyBlock());
      const block = blocks.at(-1);
      if (!block) return;
      const cut = key.indexOf('/', key.indexOf('/') + 1) + 1;
      block.versions[line] = versions.place(key.slice(0, cut));
      block.paths[line] = paths.place(key.slice(cut));
      block.renditions[line] = renditions.place(rendition);
      block.sizes[line] = sizeBytes;
      block.expected[line] = expectedBytes;
      block.values[line] = value;
      block.reasons[line] = planReasons.indexOf(reason) | (pinned === false ? unpinnedBit : 0);
      digests.push(sha256);
      length += 1;
      if (digests.length < blockLines) return;
      block.digests = digests.every((digest) => digest.length === digestLength) ? digests.join('') : digests;
      digests = [];
    },
    lines: linesOf(() => length, at),
  };
}

function emptyBlock(): FileBlock {
  return {
    sizes: new Float64Array(blockLines),
    expected: new Float64Array(blockLines),
    values: new Float64Array(blockLines),
    versions: new Uint32Array(blockLines),
    paths: new Uint32Array(blockLines),
    renditions: new Uint32Array(blockLines),
    reasons: new Uint8Array(blockLines),
    digests: [],
  };
}

const digestAt = (digests: FileBlock['digests'], line: number): string | undefined =>
  typeof digests === 'string' ? digests.slice(line * digestLength, (line + 1) * digestLength) : digests[line];

/** Titles left out: each is named once, so its name is kept as it is. */
export function makeRejected(): { add(line: PlanRejection): void; readonly lines: Lines<PlanRejection> } {
  const names: string[] = [];
  const blocks: { readonly numbers: Float64Array; readonly reasons: Uint8Array }[] = [];
  const numbersALine = 3;
  const at = (place: number): PlanRejection | undefined => {
    const assetId = names[place];
    const block = blocks[Math.floor(place / blockLines)];
    if (assetId === undefined || !block) return undefined;
    const from = (place % blockLines) * numbersALine;
    const [files = 0, sizeBytes = 0, expectedBytes = 0] = block.numbers.subarray(from, from + numbersALine);
    const reason: PlanReason = planReasons[block.reasons[place % blockLines] ?? 0] ?? 'no-demand-forecast';
    return { assetId, files: files < 0 ? null : files, sizeBytes, expectedBytes, reason };
  };
  return {
    add({ assetId, files, sizeBytes, expectedBytes, reason }) {
      const line = names.length % blockLines;
      if (line === 0)
        blocks.push({ numbers: new Float64Array(blockLines * numbersALine), reasons: new Uint8Array(blockLines) });
      const block = blocks.at(-1);
      block?.numbers.set([files ?? -1, sizeBytes, expectedBytes], line * numbersALine);
      if (block) block.reasons[line] = planReasons.indexOf(reason);
      names.push(assetId);
    },
    lines: linesOf(() => names.length, at),
  };
}

function linesOf<T>(lengthNow: () => number, at: (place: number) => T | undefined): Lines<T> {
  return {
    get length() {
      return lengthNow();
    },
    at,
    *[Symbol.iterator]() {
      for (let place = 0; place < lengthNow(); place += 1) {
        const line = at(place);
        if (line !== undefined) yield line;
      }
    },
  };
}

function makeTexts() {
  const texts: (string | null)[] = [];
  const places = new Map<string | null, number>();
  /** Files come version by version. */
  let [last, lastPlace] = ['' as string | null, -1];
  return {
    at: (place: number): string | null => texts[place] ?? null,
    place(text: string | null): number {
      if (text === last && lastPlace >= 0) return lastPlace;
      const known = places.get(text);
      const place = known ?? texts.push(text) - 1;
      if (known === undefined) places.set(text, place);
      [last, lastPlace] = [text, place];
      return place;
    },
  };
}
