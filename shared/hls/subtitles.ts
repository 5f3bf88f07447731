/** Puts subtitles into a multivariant playlist that is there already, and takes out what was there before. */
import type { Rendition } from '../domain/manifest.ts';

export type SubtitleRendition = Pick<Rendition, 'language' | 'name' | 'text' | 'playlist'>;

const group = 'text';
/** What captions have that subtitles lack, in Apple's words (RFC 8216 §4.3.4.1, CHARACTERISTICS). */
const characteristics = 'public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound';

/**
 * Works on lines, not on a parsed playlist: all else stays as it was written, whoever wrote it. Every variant names the
 * group, as must be where one does.
 */
export function withSubtitles(master: string, renditions: readonly SubtitleRendition[]): string {
  const kept = master
    .split('\n')
    .filter((line) => !/^#EXT-X-MEDIA:(?:.*,)?TYPE=SUBTITLES(?:,|$)/.test(line))
    .map((line) => (line.startsWith('#EXT-X-STREAM-INF:') ? line.replace(/,SUBTITLES="[^"]*"/, '') : line));
  if (renditions.length === 0) return kept.join('\n');
  const seen = new Set<string>();
  const tags = renditions.map((rendition) => mediaTag(rendition, seen));
  const at = kept.findIndex((line) => line.startsWith('#EXT-X-STREAM-INF:'));
  return [...kept.slice(0, at), ...tags, ...kept.slice(at)]
    .map((line) => (line.startsWith('#EXT-X-STREAM-INF:') ? `${line},SUBTITLES="${group}"` : line))
    .join('\n');
}

/** Of renditions that a player could not tell apart, only the first is for it to choose by itself (§4.3.4.1.1). */
function mediaTag({ language, name = 'Subtitles', text, playlist }: SubtitleRendition, seen: Set<string>): string {
  const { kind = 'subtitles', forced = false, isDefault = false } = text ?? {};
  const alike = JSON.stringify([language, kind, forced]);
  const isFirst = !seen.has(alike);
  seen.add(alike);
  const yes = (value: boolean): string => (value ? 'YES' : 'NO');
  return `#EXT-X-MEDIA:${[
    'TYPE=SUBTITLES',
    `GROUP-ID="${group}"`,
    `NAME="${name}"`,
    `LANGUAGE="${language ?? 'und'}"`,
    `DEFAULT=${yes(isDefault)}`,
    `AUTOSELECT=${yes(isDefault || isFirst)}`,
    `FORCED=${yes(forced)}`,
    ...(kind === 'captions' ? [`CHARACTERISTICS="${characteristics}"`] : []),
    `URI="${playlist}"`,
  ].join(',')}`;
}
