import { describe, expect, it } from 'vitest';
import { colourOf } from './colour.ts';

const sd = { width: 640, height: 480, pixelFormat: 'yuv420p' };
const hd = { ...sd, width: 1280, height: 720 };

describe('colourOf', () => {
  it('guesses by the size of the source, turned or not', () => {
    expect(colourOf(hd).matrix).toBe('bt709');
    expect(colourOf({ ...sd, width: 720, height: 1280 }).matrix).toBe('bt709');
    expect(colourOf(sd)).toEqual({ matrix: 'smpte170m', primaries: 'smpte170m', transfer: 'smpte170m' });
    expect(colourOf({ ...sd, width: 1024, height: 576 }).primaries).toBe('bt470bg');
  });

  it('believes what the source says, and fills in what goes with it', () => {
    expect(colourOf({ ...sd, colour: { matrix: 'bt709' } })).toMatchObject({ primaries: 'bt709', transfer: 'bt709' });
    expect(colourOf({ ...hd, colour: { primaries: 'bt470bg' } }).matrix).toBe('bt470bg');
    expect(colourOf({ ...hd, colour: { matrix: 'smpte170m', transfer: 'iec61966-2-1' } })).toEqual({
      ...{ matrix: 'smpte170m', primaries: 'smpte170m' },
      transfer: 'iec61966-2-1',
    });
  });

  it('has BT.709 made of RGB, at any size', () => {
    for (const pixelFormat of ['gbrp', 'rgb24', 'bgra', '0rgb', 'pal8'])
      expect(colourOf({ ...sd, pixelFormat, colour: { transfer: 'iec61966-2-1' } })).toEqual({
        ...{ matrix: 'bt709', primaries: 'bt709' },
        transfer: 'iec61966-2-1',
      });
  });
});
