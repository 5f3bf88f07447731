/** A key as playlists name it (RFC 8216 §4.3.2.4, §4.3.4.5). */
export interface PlaylistKey {
  readonly method: 'AES-128' | 'SAMPLE-AES';
  /** Relative to the playlist. */
  readonly uri: string;
  /** Absent: `identity`, unsaid. */
  readonly keyFormat?: string;
  /** 32 hex digits, for players that look for it in the playlist. */
  readonly keyId?: string;
}

const keyTag = (name: string, { method, uri, keyFormat, keyId }: PlaylistKey): string =>
  `#${name}:${[
    `METHOD=${method}`,
    `URI="${uri}"`,
    ...(keyFormat ? [`KEYFORMAT="${keyFormat}"`, 'KEYFORMATVERSIONS="1"'] : []),
    ...(keyId ? [`KEYID=0x${keyId}`] : []),
  ].join(',')}\n`;

/** Behind EXT-X-MAP, so that what it names stays clear where segments are encrypted as wholes. */
export const withKeys = (playlist: string, keys: readonly PlaylistKey[]): string =>
  playlist.replace(/^#EXT-X-MAP:.*\n/m, (map) => map + keys.map((key) => keyTag('EXT-X-KEY', key)).join(''));

/** In a multivariant playlist, so that players may ask for keys before they read media playlists. */
export const withSessionKeys = (playlist: string, keys: readonly PlaylistKey[]): string =>
  playlist.replace(
    /^#EXT-X-INDEPENDENT-SEGMENTS\n/m,
    (tag) => tag + keys.map((key) => keyTag('EXT-X-SESSION-KEY', key)).join(''),
  );
