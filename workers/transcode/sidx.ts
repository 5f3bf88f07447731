/** The segment index of a single-file rendition (ISO/IEC 14496-12 §8.16.3), by which DASH finds its segments. */

export interface IndexedSegment {
  readonly sizeBytes: number;
  readonly durationTicks: number;
}

const headerBytes = 40;
const referenceBytes = 12;
/** Starts with an access point of type 1: a closed group of pictures. */
const startsWithSap = 0x90000000;

export const sidxSizeBytes = (segments: number): number => headerBytes + referenceBytes * segments;

/**
 * Version 1, one reference for each segment; the first one follows the box at once. Presentation begins at 0, because the
 * edit list takes off what lies before.
 */
export function buildSidx(segments: readonly IndexedSegment[], timescale: number, trackId = 1): Uint8Array {
  const box = Buffer.alloc(sidxSizeBytes(segments.length));
  box.writeUInt32BE(box.length, 0);
  box.write('sidx', 4, 'latin1');
  box.writeUInt32BE(1 << 24, 8);
  box.writeUInt32BE(trackId, 12);
  box.writeUInt32BE(timescale, 16);
  // Earliest presentation time and first offset, both 64 bits, stay 0.
  box.writeUInt16BE(segments.length, 38);
  for (const [index, { sizeBytes, durationTicks }] of segments.entries()) {
    const at = headerBytes + referenceBytes * index;
    // The first bit says that media is referred to, not another index.
    box.writeUInt32BE(sizeBytes & 0x7fffffff, at);
    box.writeUInt32BE(durationTicks, at + 4);
    box.writeUInt32BE(startsWithSap, at + 8);
  }
  return box;
}
