import { describe, expect, it } from 'vitest';
import { readHdr10 } from './hdr-metadata.ts';

const mastering = {
  side_data_type: 'Mastering display metadata',
  ...{ red_x: '34000/50000', red_y: '16000/50000', green_x: '13250/50000', green_y: '34500/50000' },
  ...{ blue_x: '7500/50000', blue_y: '3000/50000', white_point_x: '15635/50000', white_point_y: '16450/50000' },
  ...{ min_luminance: '50/10000', max_luminance: '10000000/10000' },
};
const light = { side_data_type: 'Content light level metadata', max_content: 1000, max_average: 400 };

describe('HDR10 metadata', () => {
  it('is read from whichever piece has it', () => {
    expect(readHdr10([{ rotation: 90 }, light, mastering])).toEqual({
      mastering: {
        ...{ green: [0.265, 0.69], blue: [0.15, 0.06], red: [0.68, 0.32], white: [0.3127, 0.329] },
        ...{ maxNits: 1000, minNits: 0.005 },
      },
      light: { maxContentNits: 1000, maxAverageNits: 400 },
    });
    expect(readHdr10([light])).toEqual({ light: { maxContentNits: 1000, maxAverageNits: 400 } });
  });

  it.each([
    ['nothing', []],
    ['a point outside of all colours', [{ ...mastering, red_x: '90000/50000' }]],
    ['a missing primary', [{ ...mastering, blue_y: undefined }]],
    ['a screen brighter than PQ reaches', [{ ...mastering, max_luminance: '20000/1' }]],
    ['words', [{ ...mastering, green_x: '1:frame-threads=8', max_luminance: 'L' }]],
    ['levels of nothing', [{ ...light, max_content: 0 }]],
    ['levels beyond their field', [{ ...light, max_content: 1e9 }]],
  ])('is not made of %s', (_name, sideData) => {
    expect(readHdr10(sideData)).toBeNull();
  });
});
