/** Makes a playlist that was fetched from somewhere speak of files beside itself. */

/** The tags whose URI is followed when a stream is imported. */
const tagsWithUri = /^#EXT-X-(MAP|MEDIA|I-FRAME-STREAM-INF):/;
const uriAttribute = /([:,]\s*URI=")([^"]*)(")/;

/**
 * Rewrites addresses that lead below `base` to ones relative to the playlist's own place; all other bytes stay, and so do
 * addresses that are right already or lead elsewhere, which whoever reads the stream refuses.
 *
 * @param playlistUrl where the playlist came from after redirects: what its addresses are relative to (RFC 3986 §5.1.3).
 * @param base folder of the stream, with a slash at its end.
 * @param path where the playlist will lie, relative to that folder.
 */
export function relativeUris(text: string, playlistUrl: string, base: string, path: string): string {
  return text
    .split('\n')
    .map((line) => {
      const uri = line.trim();
      if (uri === '') return line;
      if (!uri.startsWith('#')) return line.replace(uri, () => relativeUri(uri, playlistUrl, base, path));
      if (!tagsWithUri.test(line)) return line;
      return line.replace(uriAttribute, (_all, before: string, found: string, after: string) =>
        [before, relativeUri(found, playlistUrl, base, path), after].join(''),
      );
    })
    .join('\n');
}

function relativeUri(uri: string, playlistUrl: string, base: string, path: string): string {
  const target = URL.parse(uri, playlistUrl)?.href;
  if (!target?.startsWith(base)) return uri;
  const isRelative = !/^([a-z][a-z0-9+.-]*:|\/)/i.test(uri);
  if (isRelative && URL.parse(uri, base + path)?.href === target) return uri;
  const from = path.split('/').slice(0, -1);
  const to = target.slice(base.length).split('/');
  let same = 0;
  while (same < from.length && same < to.length - 1 && from[same] === to[same]) same += 1;
  return [...from.slice(same).map(() => '..'), ...to.slice(same)].join('/');
}
