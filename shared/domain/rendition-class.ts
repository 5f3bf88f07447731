/** Renditions of different titles that the same viewers choose: the key by which telemetry counts what is watched. */
import type { Rendition } from './manifest.ts';

type Classified = Pick<Rendition, 'kind' | 'codecs' | 'width' | 'height' | 'channels' | 'language'>;

export const renditionClassPattern = '^[va][0-9]{1,5}-[a-z0-9]{1,12}$';

const heights = [240, 360, 480, 720, 1080, 1440, 2160, 4320];

/**
 * `v1080-avc1` for video (the usual picture height that its shorter side does not exceed, and the codec), `a2-en` for sound
 * (channels and language); null for text, which is tiny.
 */
export function renditionClass({ kind, codecs, width, height, channels, language }: Classified): string | null {
  if (kind === 'text') return null;
  if (kind === 'audio') return `a${clamp(channels ?? 0)}-${plain(language ?? '') || 'und'}`;
  const side = Math.min(width ?? height ?? 0, height ?? width ?? 0);
  const step = heights.find((one) => side <= one) ?? heights.at(-1);
  return `v${side > 0 ? step : 0}-${plain(codecs.split('.')[0] ?? '') || 'und'}`;
}

/** What `renditionClass` made: the step of a video's height, or a sound's channels, and its codec or language. */
export function parseRenditionClass(name: string): {
  readonly isVideo: boolean;
  readonly step: number;
  readonly of: string;
} {
  const dash = name.indexOf('-');
  return { isVideo: name.startsWith('v'), step: Number(name.slice(1, dash)), of: name.slice(dash + 1) };
}

const clamp = (channels: number): number => Math.max(0, Math.min(99, Math.round(channels)));
const plain = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .slice(0, 12);
