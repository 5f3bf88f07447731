/**
 * Reads a playlist tag by tag, without correcting it: for checks, which must see what a strict parser refuses and a
 * lenient one repairs. What is to be played goes through `parsePlaylist`.
 */
import { keysAfter, type RawKey, readKey } from './read-key.ts';

/** One URI with the tags that stood before it. */
export interface RawSegment {
  readonly uri: string;
  readonly durationS: number;
  readonly discontinuity: boolean;
  /** EXT-X-GAP: it is known not to be there. */
  readonly gap: boolean;
  readonly map: RawMap | null;
  readonly byteRange: { readonly offset: number; readonly length: number } | null;
  /** In force for it, one for each KEYFORMAT. */
  readonly keys: readonly RawKey[];
}

export interface RawMap {
  readonly uri: string;
  readonly keys: readonly RawKey[];
  readonly byteRange: { readonly offset: number; readonly length: number } | null;
}

export type Attributes = ReadonlyMap<string, string>;

export interface RawPlaylist {
  /** Null where there are no tags of either kind. */
  readonly kind: 'master' | 'media' | null;
  readonly version: number | null;
  readonly independentSegments: boolean;
  readonly targetDurationS: number | null;
  readonly playlistType: string | null;
  readonly ended: boolean;
  readonly iframesOnly: boolean;
  readonly variants: readonly { readonly uri: string; readonly attributes: Attributes }[];
  readonly iframes: readonly { readonly uri: string; readonly attributes: Attributes }[];
  readonly media: readonly Attributes[];
  readonly segments: readonly RawSegment[];
  /** EXT-X-DEFINE: by which `{$name}` was replaced. */
  readonly variables: ReadonlyMap<string, string>;
  readonly mistakes: readonly string[];
}

const mediaTags = /^EXT(INF|-X-(TARGETDURATION|ENDLIST|PLAYLIST-TYPE|BYTERANGE|MAP|I-FRAMES-ONLY|MEDIA-SEQUENCE))$/;
const masterTags = /^EXT-X-(STREAM-INF|I-FRAME-STREAM-INF|MEDIA|SESSION-DATA|SESSION-KEY)$/;
const mistakesAtMost = 20;
/** §4.2 and §4.3.4.2. */
const forms: Readonly<Record<string, { readonly form: RegExp; readonly like: string }>> = {
  BANDWIDTH: { form: /^\d+$/, like: '1280000' },
  'AVERAGE-BANDWIDTH': { form: /^\d+$/, like: '1280000' },
  RESOLUTION: { form: /^\d+x\d+$/, like: '1280x720' },
  'FRAME-RATE': { form: /^\d+(\.\d+)?$/, like: '29.970' },
};

/**
 * `variables` are those of the multivariant playlist, for a media playlist that imports them.
 *
 * @throws Error when the text does not begin as a playlist must (§4.3.1.1).
 */
export function readTags(text: string, variables: ReadonlyMap<string, string> = new Map()): RawPlaylist {
  const lines = text.split(/\r?\n/);
  if (lines[0]?.trimEnd() !== '#EXTM3U') throw new Error('does not begin with #EXTM3U');
  const reader = makeReader(variables);
  for (const [index, line] of lines.entries()) reader.line(line.trim(), index + 1);
  return reader.end();
}

function makeReader(imports: ReadonlyMap<string, string>) {
  const variables = new Map<string, string>();
  const mistakes: string[] = [];
  const variants: { uri: string; attributes: Attributes }[] = [];
  const iframes: { uri: string; attributes: Attributes }[] = [];
  const media: Attributes[] = [];
  const segments: RawSegment[] = [];
  const seen = new Map<string, string>();
  let kind: RawPlaylist['kind'] = null;
  let streamInf: Attributes | null = null;
  let next: { durationS: number | null; discontinuity: boolean; gap: boolean; range: string | null } = fresh();
  let map: RawMap | null = null;
  let keys: readonly RawKey[] = [];
  let rangeEnds: { uri: string; at: number } | null = null;
  let at = 0;

  const mistake = (what: string): void => {
    if (mistakes.length < mistakesAtMost) mistakes.push(`line ${at}: ${what}`);
  };
  const setKind = (is: 'master' | 'media', tag: string): void => {
    if (kind !== null && kind !== is) mistake(`${tag} in a ${kind === 'media' ? 'media' : 'multivariant'} playlist`);
    kind ??= is;
  };
  const attributesOf = (tag: string, value: string, required: readonly string[]): Attributes => {
    const attributes = parseAttributes(value, (what) => mistake(`${tag}: ${what}`));
    for (const name of required) if (!attributes.has(name)) mistake(`${tag} without ${name}`);
    for (const [name, { form, like }] of Object.entries(forms)) {
      const said = attributes.get(name);
      if (said !== undefined && !form.test(said))
        mistake(`${tag}: ${name}=${said.slice(0, 40)} is not of the form ${like}`);
    }
    return attributes;
  };

  function tag(name: string, value: string): void {
    if (mediaTags.test(name)) setKind('media', name);
    if (masterTags.test(name)) setKind('master', name);
    switch (name) {
      case 'EXTINF': {
        const durationS = Number(/^[^,]*/.exec(value)?.[0] ?? '');
        if (!/^\d+(\.\d+)?(,|$)/.test(value)) mistake('EXTINF without a decimal duration');
        next.durationS = Number.isFinite(durationS) ? durationS : 0;
        break;
      }
      case 'EXT-X-BYTERANGE':
        next.range = value;
        break;
      case 'EXT-X-GAP':
        next.gap = true;
        break;
      case 'EXT-X-DEFINE': {
        const attributes = attributesOf(name, value, []);
        const defined = attributes.get('NAME');
        const imported = attributes.get('IMPORT');
        if (defined !== undefined) variables.set(defined, attributes.get('VALUE') ?? '');
        if (imported !== undefined && !imports.has(imported))
          mistake(`EXT-X-DEFINE imports "${imported}", which is not defined`);
        if (imported !== undefined) variables.set(imported, imports.get(imported) ?? '');
        break;
      }
      case 'EXT-X-DISCONTINUITY':
        next.discontinuity = true;
        break;
      case 'EXT-X-MAP': {
        const attributes = attributesOf(name, value, ['URI']);
        const uri = attributes.get('URI');
        const range = attributes.get('BYTERANGE');
        map = uri ? { uri, keys, byteRange: range ? parseRange(range, 0, mistake) : null } : map;
        break;
      }
      case 'EXT-X-KEY':
        keys = keysAfter(keys, readKey(name, attributesOf(name, value, ['METHOD']), mistake));
        break;
      case 'EXT-X-SESSION-KEY':
        readKey(name, attributesOf(name, value, ['METHOD']), mistake);
        break;
      case 'EXT-X-STREAM-INF':
        if (streamInf) mistake('EXT-X-STREAM-INF without a URI line after it');
        streamInf = attributesOf(name, value, ['BANDWIDTH']);
        break;
      case 'EXT-X-I-FRAME-STREAM-INF': {
        const attributes = attributesOf(name, value, ['BANDWIDTH', 'URI']);
        const uri = attributes.get('URI');
        if (uri) iframes.push({ uri, attributes });
        break;
      }
      case 'EXT-X-MEDIA':
        media.push(attributesOf(name, value, ['TYPE', 'GROUP-ID', 'NAME']));
        break;
      case 'EXT-X-TARGETDURATION':
        if (!/^\d+$/.test(value)) mistake('EXT-X-TARGETDURATION is no whole number');
        break;
      case 'EXT-X-VERSION':
        if (!/^\d+$/.test(value)) mistake('EXT-X-VERSION is no whole number');
        break;
    }
    const once = ['EXT-X-VERSION', 'EXT-X-TARGETDURATION', 'EXT-X-PLAYLIST-TYPE', 'EXT-X-INDEPENDENT-SEGMENTS'];
    if (once.includes(name) && seen.has(name)) mistake(`${name} a second time`);
    seen.set(name, value);
  }

  function uriLine(uri: string): void {
    if (streamInf) {
      variants.push({ uri, attributes: streamInf });
      streamInf = null;
      return;
    }
    if (kind === 'master') {
      mistake('a URI without EXT-X-STREAM-INF');
      return;
    }
    if (next.durationS === null) mistake('a segment without EXTINF');
    let byteRange: RawSegment['byteRange'] = null;
    if (next.range !== null) {
      // §4.3.2.2: without an offset it begins where the last one of the same resource ended.
      const continues = rangeEnds?.uri === uri ? rangeEnds.at : null;
      if (continues === null && !next.range.includes('@')) mistake('EXT-X-BYTERANGE without an offset');
      byteRange = parseRange(next.range, continues ?? 0, mistake);
    }
    rangeEnds = byteRange ? { uri, at: byteRange.offset + byteRange.length } : null;
    const { durationS, discontinuity, gap } = next;
    segments.push({ uri, durationS: durationS ?? 0, discontinuity, gap, map, byteRange, keys });
    next = fresh();
  }

  const whole = (name: string): number | null => {
    const value = seen.get(name);
    return value !== undefined && /^\d+$/.test(value) ? Number(value) : null;
  };

  return {
    line(written: string, number: number): void {
      at = number;
      // RFC 8216bis §4.3; what is not defined stays as it is, and is not found.
      const text = written.replace(/\{\$([A-Za-z0-9_-]+)\}/g, (whole, name: string) => variables.get(name) ?? whole);
      if (text.startsWith('#EXT')) {
        const [name = ''] = text.slice(1).split(':', 1);
        tag(name, text.slice(name.length + 2));
      } else if (text !== '' && !text.startsWith('#')) uriLine(text);
    },
    end(): RawPlaylist {
      if (streamInf) mistake('EXT-X-STREAM-INF without a URI line after it');
      if (kind === 'media' && !seen.has('EXT-X-TARGETDURATION')) mistake('no EXT-X-TARGETDURATION');
      if (kind === 'media' && segments.length === 0) mistake('no segments');
      if (kind === 'master' && variants.length === 0) mistake('no variants');
      return {
        kind,
        version: whole('EXT-X-VERSION'),
        independentSegments: seen.has('EXT-X-INDEPENDENT-SEGMENTS'),
        targetDurationS: whole('EXT-X-TARGETDURATION'),
        playlistType: seen.get('EXT-X-PLAYLIST-TYPE') ?? null,
        ended: seen.has('EXT-X-ENDLIST'),
        iframesOnly: seen.has('EXT-X-I-FRAMES-ONLY'),
        variants,
        iframes,
        media,
        segments,
        variables,
        mistakes,
      };
    },
  };
}

const fresh = () =>
  ({ durationS: null, discontinuity: false, gap: false, range: null }) as {
    durationS: number | null;
    discontinuity: boolean;
    gap: boolean;
    range: string | null;
  };

/** `<length>[@<offset>]` (§4.3.2.2). */
function parseRange(text: string, defaultOffset: number, mistake: (what: string) => void) {
  const match = /^(\d+)(?:@(\d+))?$/.exec(text.trim());
  if (!match) mistake(`"${text.slice(0, 40)}" is no byte range`);
  return { length: Number(match?.[1] ?? 0), offset: match?.[2] === undefined ? defaultOffset : Number(match[2]) };
}

/** An attribute list (§4.2): `NAME=value` or `NAME="value"`, comma separated. */
function parseAttributes(text: string, mistake: (what: string) => void): Attributes {
  const attributes = new Map<string, string>();
  const pattern = /\s*([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s]*)\s*(,|$)/y;
  while (pattern.lastIndex < text.length) {
    const begins = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) {
      mistake(`"${text.slice(begins, begins + 40)}" is no attribute`);
      break;
    }
    const [, name = '', value = ''] = match;
    if (attributes.has(name)) mistake(`${name} a second time`);
    attributes.set(name, value.startsWith('"') ? value.slice(1, -1) : value);
  }
  return attributes;
}
