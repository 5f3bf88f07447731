/**
 * The `cbcs` scheme of Common Encryption on one sample (ISO/IEC 23001-7 §9.5, §9.6, §10.4).
 *
 * AES-128 in CBC mode under one constant initialisation vector, begun anew for each subsample. Of video, each slice's data
 * is protected by the pattern 1:9, one block of ten; NAL lengths, headers and slice headers stay clear, so that what
 * parses a stream needs no key. Of sound, all whole blocks are. What is left behind the last block stays clear.
 */
import { createCipheriv } from 'node:crypto';
import type { SampleFormat } from './sample-format.ts';

/** 16 bytes each. */
export interface CbcsKey {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

export interface Subsample {
  readonly clearBytes: number;
  readonly protectedBytes: number;
}

const blockBytes = 16;
/** Blocks of a pattern, of which the first is protected. */
export const videoPattern = { crypt: 1, skip: 9 } as const;
const stripeBytes = (videoPattern.crypt + videoPattern.skip) * blockBytes;
/** The field that says it has 16 bits (§7.2). */
const maxClearBytes = 0xffff;

/** Protects a sample where it lies; empty where it is protected from its first byte on. */
export function protectSample(sample: Buffer, { nal }: SampleFormat, key: CbcsKey): readonly Subsample[] {
  if (!nal) {
    encryptBlocks(sample, sample.length, key, blockBytes);
    return [];
  }
  const subsamples: Subsample[] = [];
  let clearFrom = 0;
  for (let at = 0; at < sample.length; ) {
    const start = at + nal.lengthBytes;
    const end = start + sample.readUIntBE(at, nal.lengthBytes);
    if (start >= end || end > sample.length) throw new Error('a sample is no run of NAL units');
    const dataFrom = start + nal.clearBytes(sample.subarray(start, end));
    if (end - dataFrom >= blockBytes) {
      encryptBlocks(sample.subarray(dataFrom, end), end - dataFrom, key, stripeBytes);
      addSubsample(subsamples, dataFrom - clearFrom, end - dataFrom);
      clearFrom = end;
    }
    at = end;
  }
  if (clearFrom < sample.length) addSubsample(subsamples, sample.length - clearFrom, 0);
  return subsamples;
}

function addSubsample(into: Subsample[], clearBytes: number, protectedBytes: number): void {
  let clear = clearBytes;
  for (; clear > maxClearBytes; clear -= maxClearBytes) into.push({ clearBytes: maxClearBytes, protectedBytes: 0 });
  into.push({ clearBytes: clear, protectedBytes });
}

/** One block every `strideBytes`, all of them one chain. */
function encryptBlocks(bytes: Buffer, length: number, { key, iv }: CbcsKey, strideBytes: number): void {
  const cipher = createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
  if (strideBytes === blockBytes) {
    cipher.update(bytes.subarray(0, length - (length % blockBytes))).copy(bytes);
    return;
  }
  const starts: number[] = [];
  for (let at = 0; at + blockBytes <= length; at += strideBytes) starts.push(at);
  const chain = Buffer.concat(starts.map((at) => bytes.subarray(at, at + blockBytes)));
  const encrypted = cipher.update(chain);
  for (const [index, at] of starts.entries()) encrypted.copy(bytes, at, index * blockBytes, (index + 1) * blockBytes);
}
