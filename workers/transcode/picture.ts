/** What a rung keeps of the source's colours and depth: pure. */
import type { Hdr10Metadata, SourceVideo } from '../../shared/domain/asset.ts';
import type { VideoRange } from '../../shared/domain/manifest.ts';
import type { VideoCodec } from '../../shared/media/profiles.ts';
import { type ColourSource, colourOf, tellColour } from './colour.ts';
import { toneMap } from './tone-map.ts';

export interface Picture {
  readonly range: VideoRange;
  readonly bits: 8 | 10;
  /** Of PQ, where the source has it. */
  readonly hdr10?: Hdr10Metadata;
}

export type PictureSource = ColourSource & Pick<SourceVideo, 'hdr' | 'transfer' | 'hdr10'>;

/**
 * H.264 is 8-bit SDR, which is what every screen shows and every device decodes. HEVC and AV1 keep HDR as it is, and 10 bits
 * where the source has as many; 8-bit sources stay at 8.
 */
export function pictureOf(codec: VideoCodec, source: PictureSource): Picture {
  if (codec === 'h264') return { range: 'SDR', bits: 8 };
  if (source.hdr) {
    const { transfer, hdr10 } = source;
    return transfer === 'hlg' ? { range: 'HLG', bits: 10 } : { range: 'PQ', bits: 10, ...(hdr10 ? { hdr10 } : {}) };
  }
  return { range: 'SDR', bits: isDeep(source.pixelFormat) ? 10 : 8 };
}

/** ffmpeg's names of formats with more than 8 bits a component end in the bits and the byte order: `yuv420p10le`, `rgb48be`. */
const isDeep = (pixelFormat: string): boolean => /(10|12|14|16|48|64)(le|be)$/.test(pixelFormat);

/** Filters that bring frames, which are of the wanted size after `scale`, to this picture. */
export function filtersOf({ range, bits }: Picture, source: PictureSource, scale: string): string[] {
  const format = bits === 10 ? 'format=yuv420p10le' : 'format=yuv420p';
  if (range !== 'SDR') return [bt2100[range], scale, format];
  if (!source.hdr) return [scale, format, tellColour(colourOf(source))];
  return [bt2100[source.transfer === 'hlg' ? 'HLG' : 'PQ'], scale, toneMap(source), format];
}

/** What BT.2100 allows: sources that name the transfer may leave out the rest, and a scaler would guess BT.601. */
const bt2100: Readonly<Record<Exclude<VideoRange, 'SDR'>, string>> = {
  PQ: 'setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc',
  HLG: 'setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc',
};
