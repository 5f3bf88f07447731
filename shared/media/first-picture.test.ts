import { describe, expect, it } from 'vitest';
import { beginsWithRandomAccess } from './first-picture.ts';

/** Units of three bytes with their length, of which only the header counts. */
const units = (...headers: number[]): Uint8Array =>
  Uint8Array.from(headers.flatMap((header) => [0, 0, 0, 3, header, 1, 2]));

describe('the first picture of a sample', () => {
  it.each([
    ['an IDR picture', 'avc1.64001f', [0x65], true],
    ['one after parameter sets and SEI', 'avc1.64001f', [0x09, 0x67, 0x68, 0x06, 0x65], true],
    ['a picture that needs others, whatever stands before it', 'avc1.64001f', [0x06, 0x41, 0x65], false],
    ['IDR_N_LP of HEVC', 'hvc1.1.6.L93.B0', [20 << 1], true],
    ['CRA of HEVC after parameter sets', 'hev1.1.6.L93.B0', [32 << 1, 33 << 1, 34 << 1, 39 << 1, 21 << 1], true],
    ['a trailing picture of HEVC', 'hvc1.1.6.L93.B0', [35 << 1, 1 << 1], false],
    ['nothing but SEI', 'avc1.64001f', [0x06], null],
    ['another codec', 'vp09.00.10.08', [0x65], null],
  ])('%s', (_name, codec, headers, expected) => {
    expect(beginsWithRandomAccess(units(...headers), codec)).toBe(expected);
  });

  it('is not known from bytes that end too early or make no sense', () => {
    expect(beginsWithRandomAccess(new Uint8Array(0), 'avc1.64001f')).toBeNull();
    expect(beginsWithRandomAccess(Uint8Array.from([0, 0, 200, 0, 0x06, 1]), 'avc1.64001f')).toBeNull();
    expect(beginsWithRandomAccess(new Uint8Array(40), 'avc1.64001f')).toBeNull();
  });
});

describe('the first frame of an AV1 sample', () => {
  const obu = (type: number, ...payload: number[]): number[] => [(type << 3) | 2, payload.length, ...payload];
  const sequence = obu(1, 0x00, 0, 0);
  const of = (...bytes: readonly number[][]) => beginsWithRandomAccess(Uint8Array.from(bytes.flat()), 'av01.0.04M.08');

  it.each([
    ['a shown key frame after its sequence header', [sequence, obu(6, 0x10, 0)], true],
    ['one after a temporal delimiter and metadata', [obu(2), sequence, obu(5, 1, 2), obu(3, 0x10)], true],
    ['a still picture', [obu(1, 0x18, 0), obu(6, 0x00)], true],
    ['a key frame that is not shown', [sequence, obu(6, 0x00)], false],
    ['an inter frame', [sequence, obu(6, 0x30)], false],
    ['an intra-only frame', [sequence, obu(6, 0x50)], false],
    ['a frame shown again', [sequence, obu(3, 0x90)], false],
    ['a key frame without a sequence header', [obu(6, 0x10)], false],
    ['a sequence header alone', [sequence], null],
    ['a size that never ends', [[0x0a, ...new Array(9).fill(0xff)]], null],
    ['the forbidden bit', [[0x92, 0]], null],
    ['nothing', [], null],
  ])('%s', (_name, bytes, expected) => {
    expect(of(...bytes)).toBe(expected);
  });
});
