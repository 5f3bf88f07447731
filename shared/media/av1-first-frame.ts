/** AV1 samples are runs of OBUs, each with its size (AV1 bitstream specification §5.3; AV1 in ISOBMFF §2.4). */

const sequenceHeader = 1;
const frameHeader = 3;
const frame = 6;
const keyFrame = 0;

/**
 * Whether a sample begins as a sync sample must: a sequence header, then a key frame that is shown (AV1 in ISOBMFF §2.4). Null
 * where no frame begins within the bytes or they make no sense.
 */
export function av1BeginsWithKeyFrame(bytes: Uint8Array): boolean | null {
  let reduced: boolean | null = null;
  for (let at = 0; at < bytes.length; ) {
    const header = bytes[at] ?? 0;
    const [type, hasExtension, hasSize] = [(header >> 3) & 0xf, (header & 4) !== 0, (header & 2) !== 0];
    // The forbidden bit, and an OBU that lasts to the end of the sample without saying so: only the last one may.
    if (header & 0x80) return null;
    let payload = at + (hasExtension ? 2 : 1);
    let sizeBytes = bytes.length - payload;
    if (hasSize) {
      const size = readLeb128(bytes, payload);
      if (!size) return null;
      payload += size.length;
      sizeBytes = size.value;
    }
    const first = bytes[payload];
    if (first === undefined && sizeBytes > 0) return null;
    // seq_profile (3 bits), still_picture, reduced_still_picture_header (§5.5.1).
    if (type === sequenceHeader) reduced = ((first ?? 0) & 0x08) !== 0;
    if (type === frame || type === frameHeader) {
      if (reduced === null) return false;
      // show_existing_frame, frame_type (2 bits), show_frame (§5.9.2).
      return reduced || (first ?? 0) >> 4 === ((keyFrame << 1) | 1);
    }
    at = payload + sizeBytes;
  }
  return null;
}

const longestLeb128 = 8;

/** §4.10.5 */
function readLeb128(bytes: Uint8Array, at: number): { readonly value: number; readonly length: number } | null {
  let value = 0;
  for (let index = 0; index < longestLeb128; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) return null;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, length: index + 1 };
  }
  return null;
}
