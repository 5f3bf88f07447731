/** Where the slice data of an H.264 NAL unit begins (ISO/IEC 14496-10 §7.3.2, §7.3.3): all before it stays clear. */
import { BitReader } from './bit-reader.ts';

interface Sps {
  readonly separatePlanes: boolean;
  readonly hasChroma: boolean;
  readonly frameNumBits: number;
  readonly pocType: number;
  readonly pocLsbBits: number;
  readonly pocAlwaysZero: boolean;
  readonly framesOnly: boolean;
}

interface Pps {
  readonly spsId: number;
  readonly cabac: boolean;
  readonly fieldOrderPresent: boolean;
  readonly refCounts: readonly [number, number];
  readonly weightedP: boolean;
  readonly weightedB: boolean;
  readonly deblockingControl: boolean;
  readonly redundantCount: boolean;
}

/** Bytes of a NAL unit that stay clear; all of it where it is no slice. */
export type ClearBytes = (nal: Uint8Array) => number;

/** `parameterSets`: the SPS and PPS of the sample description. @throws Error for what this does not read. */
export function makeH264ClearBytes(parameterSets: readonly Uint8Array[]): ClearBytes {
  const spss = new Map<number, Sps>();
  const ppss = new Map<number, Pps>();
  for (const nal of parameterSets) {
    const type = (nal[0] ?? 0) & 0x1f;
    if (type === 7) readSps(new BitReader(nal, 1), spss);
    if (type === 8) readPps(new BitReader(nal, 1), ppss);
  }
  return (nal) => {
    const type = (nal[0] ?? 0) & 0x1f;
    if (type === 7 || type === 8) throw new Error('parameter sets within samples are not read');
    if (type >= 2 && type <= 4) throw new Error('data partitions are not read');
    if (type !== 1 && type !== 5) return nal.length;
    const bits = new BitReader(nal, 1);
    skipSliceHeader(bits, { isIdr: type === 5, isReference: ((nal[0] ?? 0) & 0x60) !== 0 }, spss, ppss);
    return bits.bytesRead;
  };
}

/** Profiles that say more of the colour format (§7.3.2.1.1). */
const highProfiles = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

function readSps(bits: BitReader, into: Map<number, Sps>): void {
  const profile = bits.bits(8);
  bits.skip(16);
  const id = bits.unsigned();
  let chromaFormat = 1;
  let separatePlanes = false;
  if (highProfiles.includes(profile)) {
    chromaFormat = bits.unsigned();
    if (chromaFormat === 3) separatePlanes = bits.flag();
    bits.unsigned();
    bits.unsigned();
    bits.skip(1);
    if (bits.flag()) skipScalingLists(bits, chromaFormat === 3 ? 12 : 8);
  }
  const frameNumBits = bits.unsigned() + 4;
  const pocType = bits.unsigned();
  const pocLsbBits = pocType === 0 ? bits.unsigned() + 4 : 0;
  let pocAlwaysZero = false;
  if (pocType === 1) {
    pocAlwaysZero = bits.flag();
    bits.signed();
    bits.signed();
    for (let left = bits.unsigned(); left > 0; left--) bits.signed();
  }
  bits.unsigned();
  bits.skip(1);
  bits.unsigned();
  bits.unsigned();
  const framesOnly = bits.flag();
  const hasChroma = chromaFormat !== 0 && !separatePlanes;
  into.set(id, { separatePlanes, hasChroma, frameNumBits, pocType, pocLsbBits, pocAlwaysZero, framesOnly });
}

function skipScalingLists(bits: BitReader, lists: number): void {
  for (let list = 0; list < lists; list++) {
    if (!bits.flag()) continue;
    let [last, next] = [8, 8];
    for (let i = 0; i < (list < 6 ? 16 : 64); i++) {
      if (next !== 0) next = (last + bits.signed() + 256) % 256;
      if (next !== 0) last = next;
    }
  }
}

function readPps(bits: BitReader, into: Map<number, Pps>): void {
  const id = bits.unsigned();
  const spsId = bits.unsigned();
  const cabac = bits.flag();
  const fieldOrderPresent = bits.flag();
  if (bits.unsigned() > 0) throw new Error('slice groups are not read');
  const refCounts = [bits.unsigned() + 1, bits.unsigned() + 1] as const;
  const weightedP = bits.flag();
  const weightedB = bits.bits(2) === 1;
  bits.signed();
  bits.signed();
  bits.signed();
  const deblockingControl = bits.flag();
  bits.skip(1);
  const redundantCount = bits.flag();
  into.set(id, {
    ...{ spsId, cabac, fieldOrderPresent, refCounts },
    ...{ weightedP, weightedB, deblockingControl, redundantCount },
  });
}

/** §7.3.3, in its order */
function skipSliceHeader(
  bits: BitReader,
  { isIdr, isReference }: { readonly isIdr: boolean; readonly isReference: boolean },
  spss: ReadonlyMap<number, Sps>,
  ppss: ReadonlyMap<number, Pps>,
): void {
  bits.unsigned();
  const type = bits.unsigned() % 5;
  const [isP, isB, isI] = [type === 0 || type === 3, type === 1, type === 2 || type === 4];
  const pps = ppss.get(bits.unsigned());
  const sps = pps && spss.get(pps.spsId);
  if (!pps || !sps) throw new Error('a slice names parameter sets that are not in the sample description');
  if (sps.separatePlanes) bits.skip(2);
  bits.skip(sps.frameNumBits);
  let isField = false;
  if (!sps.framesOnly) {
    isField = bits.flag();
    if (isField) bits.skip(1);
  }
  if (isIdr) bits.unsigned();
  const twoFields = pps.fieldOrderPresent && !isField;
  if (sps.pocType === 0) {
    bits.skip(sps.pocLsbBits);
    if (twoFields) bits.signed();
  } else if (sps.pocType === 1 && !sps.pocAlwaysZero) {
    bits.signed();
    if (twoFields) bits.signed();
  }
  if (pps.redundantCount) bits.unsigned();
  if (isB) bits.skip(1);
  let [refs0, refs1] = pps.refCounts;
  if (!isI && bits.flag()) {
    refs0 = bits.unsigned() + 1;
    if (isB) refs1 = bits.unsigned() + 1;
  }
  if (!isI) skipListModification(bits);
  if (isB) skipListModification(bits);
  if ((pps.weightedP && isP) || (pps.weightedB && isB))
    skipWeights(bits, isB ? [refs0, refs1] : [refs0], sps.hasChroma);
  if (isReference) skipMarking(bits, isIdr);
  if (pps.cabac && !isI) bits.unsigned();
  bits.signed();
  if (type === 3) bits.skip(1);
  if (type === 3 || type === 4) bits.signed();
  if (pps.deblockingControl && bits.unsigned() !== 1) {
    bits.signed();
    bits.signed();
  }
}

function skipListModification(bits: BitReader): void {
  if (!bits.flag()) return;
  while (bits.unsigned() !== 3) bits.unsigned();
}

function skipWeights(bits: BitReader, lists: readonly number[], hasChroma: boolean): void {
  bits.unsigned();
  if (hasChroma) bits.unsigned();
  const skipValues = (count: number): void => {
    if (bits.flag()) for (let i = 0; i < count; i++) bits.signed();
  };
  for (const references of lists)
    for (let i = 0; i < references; i++) {
      skipValues(2);
      if (hasChroma) skipValues(4);
    }
}

/** Values that follow each operation (§7.3.3.3). */
const markingValues = [0, 1, 1, 2, 1, 0, 1];

function skipMarking(bits: BitReader, isIdr: boolean): void {
  if (isIdr) {
    bits.skip(2);
    return;
  }
  if (!bits.flag()) return;
  for (;;) {
    const operation = bits.unsigned();
    if (operation === 0) return;
    for (let left = markingValues[operation] ?? 0; left > 0; left--) bits.unsigned();
  }
}
