/** Subtitles and captions of an asset: what is said of them, and the version that holds them. */

/** `captions` tell sounds and speakers too, for those who do not hear. */
export const textKinds = ['subtitles', 'captions'] as const;
export type TextKind = (typeof textKinds)[number];

/** One track of text, cleaned and stored as WebVTT (`storeKeys.text`). */
export interface TextTrack {
  /** BCP 47; `und` where nobody said. */
  readonly language: string;
  readonly kind: TextKind;
  /** What players call it. */
  readonly name: string;
  /** Only what cannot be understood without it: signs, other languages. Players show it by themselves. */
  readonly forced: boolean;
  /** Shown to whoever has not chosen. */
  readonly isDefault: boolean;
  /** Of the stored WebVTT, lower-case hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly cues: number;
}

export type TextPlace = Pick<TextTrack, 'language' | 'kind' | 'forced'>;

/** One for each language, kind and use; a later one takes the place of an earlier. */
export const textIdOf = ({ language, kind, forced }: TextPlace): string =>
  [language.toLowerCase(), ...(kind === 'captions' ? ['captions'] : []), ...(forced ? ['forced'] : [])].join('-');

/** BCP 47 in its usual spelling; null where it is none. */
export function canonicalLanguage(tag: string): string | null {
  try {
    const [language] = Intl.getCanonicalLocales(tag.replaceAll('_', '-'));
    return language !== undefined && language.length <= 35 ? language : null;
  } catch {
    return null;
  }
}

/** The language's own name for itself, and what the track is for. */
export function textName({ language, kind, forced }: TextPlace): string {
  const own =
    language === 'und'
      ? undefined
      : new Intl.DisplayNames([language], { type: 'language', fallback: 'none' }).of(language);
  const use = [...(kind === 'captions' ? ['SDH'] : []), ...(forced ? ['forced'] : [])];
  return `${own ?? (language === 'und' ? 'Subtitles' : language)}${use.length > 0 ? ` (${use.join(', ')})` : ''}`;
}

/** One line that a playlist can hold in quotation marks. */
export const cleanName = (name: string): string =>
  name
    .replace(/["\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, 60);

/** The source's own tracks with those that were uploaded, which take the place of the former; at most one is the default. */
export function mergeTexts(source: readonly TextTrack[], uploaded: readonly TextTrack[]): TextTrack[] {
  const replaced = new Set(uploaded.map(textIdOf));
  const tracks = [...source.filter((track) => !replaced.has(textIdOf(track))), ...uploaded];
  const chosen = tracks.findLast(({ isDefault }) => isDefault);
  return distinctNames(tracks.map((track) => ({ ...track, isDefault: track === chosen })));
}

/** NAMEs of one group must differ (RFC 8216 §4.3.4.1.1). */
function distinctNames(tracks: readonly TextTrack[]): TextTrack[] {
  const seen = new Set<string>();
  return tracks.map((track) => {
    let name = track.name;
    for (let count = 2; seen.has(name); count++) name = `${track.name} (${count})`;
    seen.add(name);
    return { ...track, name };
  });
}

/** What of the uploaded tracks decides the bytes of a version; empty where there are none. */
export const textWords = (uploaded: readonly TextTrack[]): string =>
  uploaded.length === 0
    ? ''
    : JSON.stringify(
        uploaded.map(({ language, kind, name, forced, isDefault, sha256 }) => [
          language,
          kind,
          name,
          forced,
          isDefault,
          sha256,
        ]),
      );
