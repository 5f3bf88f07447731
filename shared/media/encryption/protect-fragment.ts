/**
 * Protects the fragments of a track: samples where they lie, and in `moof` how (ISO/IEC 23001-7 §7).
 *
 * `saiz`, `saio` and `senc` are put at the end of `traf`; what says where samples are moves by as much. Each fragment
 * depends on nothing but itself, so they can be made in any order, by any worker, with the same bytes.
 */
import { type BoxAt, box, boxAtPath, boxesAt, boxOf, fullBox, uint32 } from './box-bytes.ts';
import { type CbcsKey, protectSample, type Subsample } from './cbcs.ts';
import { readSampleFormat } from './sample-format.ts';

/** Flags of `tfhd` and `trun` (ISO/IEC 14496-12 §8.8.7, §8.8.8) */
const tfhdFlags = { baseOffset: 0x1, description: 0x2, duration: 0x8, size: 0x10, baseIsMoof: 0x2_0000 };
const trunFlags = { dataOffset: 0x1, firstFlags: 0x4, duration: 0x100, size: 0x200, flags: 0x400, time: 0x800 };
const useSubsamples = 0x2;

/** `fragment`: one `moof` and its `mdat`, left as they are. The result is longer by what `moof` says of the protection. */
export type ProtectFragment = (fragment: Buffer) => Buffer;

/** `init`: the initialisation segment before it was protected. @throws EncryptionUnsupportedError */
export function makeProtectFragment(init: Buffer, key: CbcsKey): ProtectFragment {
  const format = readSampleFormat(init);
  const trex = boxAtPath(init, ['moov', 'mvex', 'trex']);
  const defaultSize = init.readUInt32BE(trex.body + 16);

  return (fragment) => {
    const bytes = Buffer.from(fragment);
    const [moof, mdat, ...others] = boxesAt(bytes);
    if (moof?.type !== 'moof' || mdat?.type !== 'mdat' || others.length > 0)
      throw new Error('not one moof and its mdat');
    const inMoof = boxesAt(bytes, moof.body, moof.end);
    const traf = boxOf(inMoof, 'traf');
    if (inMoof.filter(({ type }) => type === 'traf').length > 1) throw new Error('a fragment of several tracks');
    const inTraf = boxesAt(bytes, traf.body, traf.end);

    const subsamples = readRuns(bytes, moof, inTraf, defaultSize).map(({ start, end }) =>
      protectSample(bytes.subarray(start, end), format, key),
    );
    const { sizes, entries } = auxiliary(subsamples);
    if (!entries) return bytes;
    moveRuns(bytes, inTraf, entries.length + sizes.length + saioBytes);
    // Behind the header of senc and its count of samples, from the start of moof.
    const entriesAt = traf.end - moof.start + sizes.length + saioBytes + 16;
    const saio = fullBox('saio', 0, 0, uint32(1, entriesAt));
    const newTraf = box('traf', bytes.subarray(traf.body, traf.end), sizes, saio, entries);
    const newMoof = box('moof', bytes.subarray(moof.body, traf.start), newTraf, bytes.subarray(traf.end, moof.end));
    return Buffer.concat([newMoof, bytes.subarray(mdat.start, mdat.end)]);
  };
}

interface Run {
  readonly start: number;
  readonly end: number;
}

function readRuns(bytes: Buffer, moof: BoxAt, inTraf: readonly BoxAt[], trackSize: number): Run[] {
  const tfhd = boxOf(inTraf, 'tfhd');
  const flags = bytes.readUIntBE(tfhd.body + 1, 3);
  if (flags & tfhdFlags.baseOffset || !(flags & tfhdFlags.baseIsMoof)) throw new Error('samples lie not by their moof');
  const sizeAt = tfhd.body + 8 + (flags & tfhdFlags.description ? 4 : 0) + (flags & tfhdFlags.duration ? 4 : 0);
  const defaultSize = flags & tfhdFlags.size ? bytes.readUInt32BE(sizeAt) : trackSize;
  return inTraf.filter(({ type }) => type === 'trun').flatMap((trun) => readRun(bytes, moof, trun, defaultSize));
}

function readRun(bytes: Buffer, moof: BoxAt, trun: BoxAt, defaultSize: number): Run[] {
  const flags = bytes.readUIntBE(trun.body + 1, 3);
  if (!(flags & trunFlags.dataOffset)) throw new Error('a run does not say where its samples are');
  let field = trun.body + 12 + (flags & trunFlags.firstFlags ? 4 : 0);
  let start = moof.start + bytes.readInt32BE(trun.body + 8);
  return Array.from({ length: bytes.readUInt32BE(trun.body + 4) }, () => {
    if (flags & trunFlags.duration) field += 4;
    const size = flags & trunFlags.size ? bytes.readUInt32BE(field) : defaultSize;
    for (const flag of [trunFlags.size, trunFlags.flags, trunFlags.time]) if (flags & flag) field += 4;
    const run = { start, end: start + size };
    if (run.end > bytes.length) throw new Error('a sample reaches beyond its fragment');
    start = run.end;
    return run;
  });
}

function moveRuns(bytes: Buffer, inTraf: readonly BoxAt[], by: number): void {
  for (const { type, body } of inTraf) {
    if (type === 'trun') bytes.writeInt32BE(bytes.readInt32BE(body + 8) + by, body + 8);
  }
}

const saioBytes = 20;

/** Nothing where all is said by `tenc`: no vectors, no subsamples. */
function auxiliary(samples: readonly (readonly Subsample[])[]): {
  readonly sizes: Buffer;
  readonly entries: Buffer | null;
} {
  if (samples.every((subsamples) => subsamples.length === 0)) return { sizes: Buffer.alloc(0), entries: null };
  const infos = samples.map((subsamples) => {
    const info = Buffer.alloc(2 + 6 * subsamples.length);
    info.writeUInt16BE(subsamples.length);
    for (const [index, { clearBytes, protectedBytes }] of subsamples.entries()) {
      info.writeUInt16BE(clearBytes, 2 + 6 * index);
      info.writeUInt32BE(protectedBytes, 4 + 6 * index);
    }
    if (info.length > 0xff) throw new Error('a picture of more slices than saiz can tell');
    return info;
  });
  const [first] = infos;
  const isEven = infos.every(({ length }) => length === first?.length);
  const sizes = fullBox(
    'saiz',
    0,
    0,
    Buffer.from([isEven ? (first?.length ?? 0) : 0]),
    uint32(infos.length),
    Buffer.from(isEven ? [] : infos.map(({ length }) => length)),
  );
  return { sizes, entries: fullBox('senc', 0, useSubsamples, uint32(infos.length), ...infos) };
}
