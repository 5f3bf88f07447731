/** Where the slice data of an HEVC NAL unit begins (ITU-T H.265 §7.3.6): all before it stays clear. */
import { BitReader } from './bit-reader.ts';
import type { ClearBytes } from './h264-slices.ts';
import {
  bitsFor,
  type HevcPps,
  type HevcSps,
  type RefPicSet,
  readHevcPps,
  readHevcSps,
  readRefPicSet,
} from './hevc-parameters.ts';

const typeOf = (nal: Uint8Array): number => ((nal[0] ?? 0) >> 1) & 0x3f;

/** `parameterSets`: the SPS and PPS of the sample description. @throws Error for what this does not read. */
export function makeHevcClearBytes(parameterSets: readonly Uint8Array[]): ClearBytes {
  const spss = new Map<number, HevcSps>();
  const ppss = new Map<number, HevcPps>();
  for (const nal of parameterSets) {
    if (typeOf(nal) === 33) {
      const { id, sps } = readHevcSps(new BitReader(nal, 2));
      spss.set(id, sps);
    }
    if (typeOf(nal) === 34) {
      const { id, pps } = readHevcPps(new BitReader(nal, 2));
      ppss.set(id, pps);
    }
  }
  return (nal) => {
    const type = typeOf(nal);
    if (type === 33 || type === 34) throw new Error('parameter sets within samples are not read');
    if (type >= 32) return nal.length;
    const bits = new BitReader(nal, 2);
    skipSegmentHeader(bits, type, spss, ppss);
    return bits.bytesRead;
  };
}

/** §7.3.6.1, in its order, up to and with `byte_alignment()` */
function skipSegmentHeader(
  bits: BitReader,
  type: number,
  spss: ReadonlyMap<number, HevcSps>,
  ppss: ReadonlyMap<number, HevcPps>,
): void {
  const isFirst = bits.flag();
  if (type >= 16 && type <= 23) bits.skip(1);
  const pps = ppss.get(bits.unsigned());
  const sps = pps && spss.get(pps.spsId);
  if (!pps || !sps) throw new Error('a slice names parameter sets that are not in the sample description');
  const isDependent = !isFirst && pps.dependentSlices && bits.flag();
  if (!isFirst) bits.skip(sps.addressBits);
  if (!isDependent) skipSliceHeader(bits, type, sps, pps);
  if (pps.entryPoints) {
    const points = bits.unsigned();
    if (points > 0) bits.skip((bits.unsigned() + 1) * points);
  }
  if (pps.headerExtension) bits.skip(8 * bits.unsigned());
  // One bit and zeros up to the byte's end: at least this bit, so that the byte is read.
  bits.skip(1);
}

function skipSliceHeader(bits: BitReader, type: number, sps: HevcSps, pps: HevcPps): void {
  bits.skip(pps.extraBits);
  const sliceType = bits.unsigned();
  const [isB, isI] = [sliceType === 0, sliceType === 2];
  if (pps.outputFlag) bits.skip(1);
  if (sps.separatePlanes) bits.skip(2);
  const isIdr = type === 19 || type === 20;
  const { usedPictures, temporalMvp } = isIdr ? { usedPictures: 0, temporalMvp: false } : skipReferences(bits, sps);
  let [saoLuma, saoChroma] = [false, false];
  if (sps.sao) {
    saoLuma = bits.flag();
    if (sps.hasChroma) saoChroma = bits.flag();
  }
  if (!isI) skipPrediction(bits, { isB, usedPictures, temporalMvp }, sps, pps);
  bits.signed();
  if (pps.chromaQpOffsets) {
    bits.signed();
    bits.signed();
  }
  let isOff = pps.deblockingOff;
  if (pps.deblockingOverride && bits.flag()) {
    isOff = bits.flag();
    if (!isOff) {
      bits.signed();
      bits.signed();
    }
  }
  if (pps.filterAcrossSlices && (saoLuma || saoChroma || !isOff)) bits.skip(1);
}

function skipReferences(
  bits: BitReader,
  sps: HevcSps,
): { readonly usedPictures: number; readonly temporalMvp: boolean } {
  bits.skip(sps.pocLsbBits);
  const sets = sps.refPicSets.length;
  const set = bits.flag() ? sps.refPicSets[bits.bits(bitsFor(sets))] : readRefPicSet(bits, sets, sps.refPicSets, sets);
  if (!set) throw new Error('a slice names a reference picture set that is not there');
  const usedPictures = usedIn(set) + (sps.longTerm ? skipLongTerm(bits, sps, sps.longTerm) : 0);
  return { usedPictures, temporalMvp: sps.temporalMvp && bits.flag() };
}

const usedIn = ({ before, after }: RefPicSet): number => [...before, ...after].filter(({ used }) => used).length;

function skipLongTerm(bits: BitReader, { pocLsbBits }: HevcSps, declared: readonly boolean[]): number {
  let used = 0;
  const fromSps = declared.length > 0 ? bits.unsigned() : 0;
  const all = fromSps + bits.unsigned();
  for (let i = 0; i < all; i++) {
    let isUsed = false;
    if (i < fromSps) isUsed = declared[bits.bits(bitsFor(declared.length))] ?? false;
    else {
      bits.skip(pocLsbBits);
      isUsed = bits.flag();
    }
    if (isUsed) used += 1;
    if (bits.flag()) bits.unsigned();
  }
  return used;
}

function skipPrediction(
  bits: BitReader,
  slice: { readonly isB: boolean; readonly usedPictures: number; readonly temporalMvp: boolean },
  { hasChroma }: HevcSps,
  pps: HevcPps,
): void {
  const { isB, usedPictures, temporalMvp } = slice;
  let [refs0, refs1] = pps.refCounts;
  if (bits.flag()) {
    refs0 = bits.unsigned() + 1;
    if (isB) refs1 = bits.unsigned() + 1;
  }
  const lists = isB ? [refs0, refs1] : [refs0];
  if (pps.listModification && usedPictures > 1)
    for (const references of lists) if (bits.flag()) bits.skip(references * bitsFor(usedPictures));
  if (isB) bits.skip(1);
  if (pps.cabacInit) bits.skip(1);
  if (temporalMvp) {
    const fromFirst = !isB || bits.flag();
    if ((fromFirst ? refs0 : refs1) > 1) bits.unsigned();
  }
  if (isB ? pps.weightedB : pps.weightedP) skipWeights(bits, lists, hasChroma);
  bits.unsigned();
}

/** §7.3.6.3: first which have weights, then the weights. */
function skipWeights(bits: BitReader, lists: readonly number[], hasChroma: boolean): void {
  bits.unsigned();
  if (hasChroma) bits.signed();
  for (const references of lists) {
    const flags = (): boolean[] => Array.from({ length: references }, () => bits.flag());
    const luma = flags();
    const chroma = hasChroma ? flags() : [];
    for (let i = 0; i < references; i++)
      for (let left = (luma[i] ? 2 : 0) + (chroma[i] ? 4 : 0); left > 0; left--) bits.signed();
  }
}
