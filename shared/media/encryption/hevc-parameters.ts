/** What slice headers of HEVC are read by: sequence and picture parameter sets (ITU-T H.265 §7.3.2). */
import type { BitReader } from './bit-reader.ts';

/** A short-term reference picture set: distances in picture order, nearest first, and whether they are used now. */
export interface RefPicSet {
  readonly before: readonly RefPic[];
  readonly after: readonly RefPic[];
}
interface RefPic {
  readonly delta: number;
  readonly used: boolean;
}

export interface HevcSps {
  readonly separatePlanes: boolean;
  readonly hasChroma: boolean;
  readonly pocLsbBits: number;
  readonly addressBits: number;
  readonly sao: boolean;
  readonly refPicSets: readonly RefPicSet[];
  /** For each long-term picture that is named here, whether it is used; null where there are none at all. */
  readonly longTerm: readonly boolean[] | null;
  readonly temporalMvp: boolean;
}

export interface HevcPps {
  readonly spsId: number;
  readonly dependentSlices: boolean;
  readonly outputFlag: boolean;
  readonly extraBits: number;
  readonly cabacInit: boolean;
  readonly refCounts: readonly [number, number];
  readonly chromaQpOffsets: boolean;
  readonly weightedP: boolean;
  readonly weightedB: boolean;
  readonly entryPoints: boolean;
  readonly filterAcrossSlices: boolean;
  readonly deblockingOverride: boolean;
  readonly deblockingOff: boolean;
  readonly listModification: boolean;
  readonly headerExtension: boolean;
}

/** Bits that a number below `values` takes. */
export const bitsFor = (values: number): number => (values <= 1 ? 0 : Math.ceil(Math.log2(values)));

export function readHevcSps(bits: BitReader): { readonly id: number; readonly sps: HevcSps } {
  bits.skip(4);
  const subLayers = bits.bits(3);
  bits.skip(1);
  skipProfileTierLevel(bits, subLayers);
  const id = bits.unsigned();
  const chromaFormat = bits.unsigned();
  const separatePlanes = chromaFormat === 3 && bits.flag();
  const width = bits.unsigned();
  const height = bits.unsigned();
  if (bits.flag()) skipUnsigned(bits, 4);
  skipUnsigned(bits, 2);
  const pocLsbBits = bits.unsigned() + 4;
  for (let layer = bits.flag() ? 0 : subLayers; layer <= subLayers; layer++) skipUnsigned(bits, 3);
  const minBlockBits = bits.unsigned() + 3;
  const treeBlock = 2 ** (minBlockBits + bits.unsigned());
  skipUnsigned(bits, 4);
  if (bits.flag() && bits.flag()) skipScalingLists(bits);
  bits.skip(1);
  const sao = bits.flag();
  if (bits.flag()) {
    bits.skip(8);
    skipUnsigned(bits, 2);
    bits.skip(1);
  }
  const refPicSets: RefPicSet[] = [];
  const sets = bits.unsigned();
  for (let index = 0; index < sets; index++) refPicSets.push(readRefPicSet(bits, index, refPicSets, sets));
  const longTerm = bits.flag() ? readLongTerm(bits, pocLsbBits) : null;
  const temporalMvp = bits.flag();
  const addressBits = bitsFor(Math.ceil(width / treeBlock) * Math.ceil(height / treeBlock));
  const hasChroma = chromaFormat !== 0 && !separatePlanes;
  return {
    id,
    sps: { separatePlanes, hasChroma, pocLsbBits, addressBits, sao, refPicSets, longTerm, temporalMvp },
  };
}

function readLongTerm(bits: BitReader, pocLsbBits: number): boolean[] {
  return Array.from({ length: bits.unsigned() }, () => {
    bits.skip(pocLsbBits);
    return bits.flag();
  });
}

/** §7.3.7, with the derivation of §7.4.8: sets are told as what differs from another. */
export function readRefPicSet(
  bits: BitReader,
  index: number,
  known: readonly RefPicSet[],
  declaredSets: number,
): RefPicSet {
  if (index === 0 || !bits.flag()) return readPlainSet(bits);
  const back = index === declaredSets ? bits.unsigned() + 1 : 1;
  const isNegative = bits.flag();
  const step = (bits.unsigned() + 1) * (isNegative ? -1 : 1);
  const from = known[index - back];
  if (!from) throw new Error('a reference picture set builds on one that is not there');
  // In the order of §7.4.8: the set's own pictures, and at last the one that it is told from.
  const deltas = [...from.before.map(({ delta }) => delta), ...from.after.map(({ delta }) => delta), 0];
  const kept = deltas.flatMap((delta): RefPic[] => {
    const used = bits.flag();
    const isKept = used || bits.flag();
    return isKept && delta + step !== 0 ? [{ delta: delta + step, used }] : [];
  });
  return {
    before: kept.filter(({ delta }) => delta < 0).toSorted((a, b) => b.delta - a.delta),
    after: kept.filter(({ delta }) => delta > 0).toSorted((a, b) => a.delta - b.delta),
  };
}

function readPlainSet(bits: BitReader): RefPicSet {
  const before = bits.unsigned();
  const after = bits.unsigned();
  const read = (count: number, sign: number): RefPic[] => {
    let delta = 0;
    return Array.from({ length: count }, () => {
      delta += sign * (bits.unsigned() + 1);
      return { delta, used: bits.flag() };
    });
  };
  return { before: read(before, -1), after: read(after, 1) };
}

export function readHevcPps(bits: BitReader): { readonly id: number; readonly pps: HevcPps } {
  const id = bits.unsigned();
  const spsId = bits.unsigned();
  const dependentSlices = bits.flag();
  const outputFlag = bits.flag();
  const extraBits = bits.bits(3);
  bits.skip(1);
  const cabacInit = bits.flag();
  const refCounts = [bits.unsigned() + 1, bits.unsigned() + 1] as const;
  bits.signed();
  bits.skip(2);
  if (bits.flag()) bits.unsigned();
  bits.signed();
  bits.signed();
  const chromaQpOffsets = bits.flag();
  const weightedP = bits.flag();
  const weightedB = bits.flag();
  bits.skip(1);
  const tiles = bits.flag();
  const entryPoints = bits.flag() || tiles;
  if (tiles) skipTiles(bits);
  const filterAcrossSlices = bits.flag();
  let [deblockingOverride, deblockingOff] = [false, false];
  if (bits.flag()) {
    deblockingOverride = bits.flag();
    deblockingOff = bits.flag();
    if (!deblockingOff) {
      bits.signed();
      bits.signed();
    }
  }
  if (bits.flag()) skipScalingLists(bits);
  const listModification = bits.flag();
  bits.unsigned();
  const headerExtension = bits.flag();
  if (bits.flag() && bits.bits(8) !== 0) throw new Error('extensions of HEVC picture parameter sets are not read');
  return {
    id,
    pps: {
      ...{ spsId, dependentSlices, outputFlag, extraBits, cabacInit, refCounts, chromaQpOffsets, weightedP, weightedB },
      ...{ entryPoints, filterAcrossSlices, deblockingOverride, deblockingOff, listModification, headerExtension },
    },
  };
}

function skipTiles(bits: BitReader): void {
  const columns = bits.unsigned();
  const rows = bits.unsigned();
  if (!bits.flag()) skipUnsigned(bits, columns + rows);
  bits.skip(1);
}

function skipProfileTierLevel(bits: BitReader, subLayers: number): void {
  bits.skip(96);
  const present = Array.from({ length: subLayers }, () => ({ profile: bits.flag(), level: bits.flag() }));
  if (subLayers > 0) bits.skip(2 * (8 - subLayers));
  for (const { profile, level } of present) bits.skip((profile ? 88 : 0) + (level ? 8 : 0));
}

/** §7.3.4 */
function skipScalingLists(bits: BitReader): void {
  for (let size = 0; size < 4; size++)
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      if (!bits.flag()) {
        bits.unsigned();
        continue;
      }
      if (size > 1) bits.signed();
      for (let left = Math.min(64, 2 ** (4 + 2 * size)); left > 0; left--) bits.signed();
    }
}

function skipUnsigned(bits: BitReader, count: number): void {
  for (let i = 0; i < count; i++) bits.unsigned();
}
