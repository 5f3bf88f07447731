/** What the first coded picture of a sample is, by its units: what a container's flags say may be untrue. */
import { av1BeginsWithKeyFrame } from './av1-first-frame.ts';

const avcIdr = 5;
const avcSlices = [1, 2, 3, 4, avcIdr];
/** BLA_W_LP to IDR_N_LP, and CRA: pictures that need none before them (ISO/IEC 23008-2 table 7-1). */
const hevcRandomAccess = [16, 17, 18, 19, 20, 21];
const hevcSlices = 31;

/**
 * Whether decoding can begin with this sample: an IDR picture of H.264, a random access picture of HEVC, a shown key frame
 * of AV1. `bytes` may be only its beginning. Null for other codecs, and where no picture begins within the bytes.
 */
export function beginsWithRandomAccess(bytes: Uint8Array, codec: string): boolean | null {
  if (/^av01/i.test(codec)) return av1BeginsWithKeyFrame(bytes);
  const isAvc = /^avc[1-4]/i.test(codec);
  if (!isAvc && !/^(hvc1|hev1|dvh1|dvhe)/i.test(codec)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Lengths of four bytes, as everybody writes them (ISO/IEC 14496-15 §5.3.3).
  for (let at = 0; at + 5 <= bytes.length; at += 4 + view.getUint32(at)) {
    const header = bytes[at + 4] ?? 0;
    const type = isAvc ? header & 0x1f : (header >> 1) & 0x3f;
    if (isAvc ? avcSlices.includes(type) : type <= hevcSlices)
      return isAvc ? type === avcIdr : hevcRandomAccess.includes(type);
    if (view.getUint32(at) === 0) return null;
  }
  return null;
}
