/** What a sample description says of how samples are protected: which box it is, and what in a sample stays clear. */
import { type BoxAt, boxAtPath, boxesAt, boxOf } from './box-bytes.ts';
import { type ClearBytes, makeH264ClearBytes } from './h264-slices.ts';
import { makeHevcClearBytes } from './hevc-slices.ts';

/** Codecs whose media cannot be protected here. */
export class EncryptionUnsupportedError extends Error {
  constructor(what: string) {
    super(`${what} cannot be encrypted by CBCS here`);
    this.name = 'EncryptionUnsupportedError';
  }
}

export interface SampleFormat {
  readonly kind: 'video' | 'audio';
  /** The sample entry, e.g. `avc1`. */
  readonly entry: BoxAt;
  /** Null: samples are protected from their first byte on. */
  readonly nal: { readonly lengthBytes: number; readonly clearBytes: ClearBytes } | null;
}

export const sampleDescriptionPath = ['moov', 'trak', 'mdia', 'minf', 'stbl', 'stsd'] as const;
/** Version, flags and number of entries. */
export const sampleDescriptionHeadBytes = 8;
/** Fields of a sample entry before its boxes (ISO/IEC 14496-12 §12.1.3, §12.2.3). */
export const entryFieldBytes = { video: 78, audio: 28 };

/**
 * Reads the one sample description of an initialisation segment of one track.
 *
 * @throws EncryptionUnsupportedError for codecs other than H.264, HEVC and AAC.
 */
export function readSampleFormat(init: Buffer): SampleFormat {
  const stsd = boxAtPath(init, sampleDescriptionPath);
  const [entry, ...others] = boxesAt(init, stsd.body + sampleDescriptionHeadBytes, stsd.end);
  if (!entry || others.length > 0) throw new Error('not one sample description');
  const inside = (kind: SampleFormat['kind'], type: string): Buffer => {
    const { body, end } = boxOf(boxesAt(init, entry.body + entryFieldBytes[kind], entry.end), type);
    return init.subarray(body, end);
  };
  if (entry.type === 'mp4a') return { kind: 'audio', entry, nal: null };
  if (entry.type === 'avc1') return { kind: 'video', entry, nal: readAvc(inside('video', 'avcC')) };
  if (entry.type === 'hvc1') return { kind: 'video', entry, nal: readHevc(inside('video', 'hvcC')) };
  throw new EncryptionUnsupportedError(`media of the kind ${entry.type}`);
}

type NalFormat = SampleFormat['nal'];

/** ISO/IEC 14496-15 §5.3.3.1 */
function readAvc(config: Buffer): NalFormat {
  const lengthBytes = (config.readUInt8(4) & 3) + 1;
  const sets = readUnits(config, 6, config.readUInt8(5) & 0x1f);
  const pictures = readUnits(config, sets.end + 1, config.readUInt8(sets.end));
  return { lengthBytes, clearBytes: makeH264ClearBytes([...sets.units, ...pictures.units]) };
}

/** ISO/IEC 14496-15 §8.3.3.1 */
function readHevc(config: Buffer): NalFormat {
  const lengthBytes = (config.readUInt8(21) & 3) + 1;
  const units: Buffer[] = [];
  let at = 23;
  for (let arrays = config.readUInt8(22); arrays > 0; arrays--) {
    const array = readUnits(config, at + 3, config.readUInt16BE(at + 1));
    units.push(...array.units);
    at = array.end;
  }
  return { lengthBytes, clearBytes: makeHevcClearBytes(units) };
}

function readUnits(bytes: Buffer, from: number, count: number): { readonly units: Buffer[]; readonly end: number } {
  const units: Buffer[] = [];
  let at = from;
  for (let i = 0; i < count; i++) {
    const start = at + 2;
    at = start + bytes.readUInt16BE(at);
    units.push(bytes.subarray(start, at));
  }
  return { units, end: at };
}
