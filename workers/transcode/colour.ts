/** Which colours an SDR picture is in: pure. */
import type { SourceVideo } from '../../shared/domain/asset.ts';

/** As ffmpeg names them. */
export interface Colour {
  readonly matrix: string;
  readonly primaries: string;
  readonly transfer: string;
}

export type ColourSource = Partial<Pick<SourceVideo, 'colour' | 'width' | 'height'>> & Pick<SourceVideo, 'pixelFormat'>;

const bt709: Colour = { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709' };
const bt601Lines525: Colour = { matrix: 'smpte170m', primaries: 'smpte170m', transfer: 'smpte170m' };
const bt601Lines625: Colour = { matrix: 'bt470bg', primaries: 'bt470bg', transfer: 'smpte170m' };

const families: Readonly<Record<string, Colour>> = { bt709, smpte170m: bt601Lines525, bt470bg: bt601Lines625 };

/** Has no luma and chroma yet, so that they can be made by any matrix. */
export const isRgb = ({ pixelFormat }: Pick<SourceVideo, 'pixelFormat'>): boolean =>
  /^([ax0]?(rgb|bgr)|gbr|pal8|bayer)/.test(pixelFormat);

/**
 * What the source says, and for the rest what goes with it. One that says nothing is BT.709 if it is as large as HD and
 * BT.601 below, by the lines of a television picture; every rung is told the same, because players guess by the size of
 * each, and colours would change with the quality.
 */
export function colourOf(source: ColourSource): Colour {
  const { matrix, primaries, transfer } = source.colour ?? {};
  const usual = isRgb(source) ? bt709 : (families[matrix ?? ''] ?? families[primaries ?? ''] ?? guess(source));
  return {
    matrix: isRgb(source) ? bt709.matrix : (matrix ?? usual.matrix),
    primaries: primaries ?? usual.primaries,
    transfer: transfer ?? usual.transfer,
  };
}

function guess({ width = 0, height = 0 }: ColourSource): Colour {
  const [long, short] = [Math.max(width, height), Math.min(width, height)];
  if (long >= 1280 || short > 576) return bt709;
  return short === 576 || short === 288 ? bt601Lines625 : bt601Lines525;
}

/** Names the colours of frames that went through the scaler, which makes all of them limited range. */
export const tellColour = ({ matrix, primaries, transfer }: Colour): string =>
  `setparams=range=tv:colorspace=${matrix}:color_primaries=${primaries}:color_trc=${transfer}`;
