import { createCipheriv } from 'node:crypto';

/** The initialisation vector of a segment whose playlist names none: its media sequence number (RFC 8216 §5.2). */
export function sequenceIv(mediaSequenceNumber: number): Buffer {
  const iv = Buffer.alloc(16);
  iv.writeBigUInt64BE(BigInt(mediaSequenceNumber), 8);
  return iv;
}

/** Bytes of a segment once it is encrypted: padding is always added (PKCS #7). */
export const encryptedSizeBytes = (sizeBytes: number): number => sizeBytes + 16 - (sizeBytes % 16);

/** A whole segment by the method AES-128 (RFC 8216 §4.3.2.4): CBC with PKCS #7 padding. */
export function encryptSegment(segment: Uint8Array, key: Uint8Array, iv: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-128-cbc', key, iv);
  return Buffer.concat([cipher.update(segment), cipher.final()]);
}
