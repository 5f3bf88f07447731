/** A file of a version as answers need it: validators, slices and header blocks, made at its first request. */
import { etagOf, type Validators } from '../../shared/domain/http/conditional.ts';
import { formatHttpDate } from '../../shared/domain/http/date.ts';
import { type ByteRange, formatContentRange } from '../../shared/domain/http/range.ts';
import { type ManifestFile, type SliceSpec, slicesOf } from '../../shared/domain/manifest.ts';
import { type HeaderBlock, headerBlock } from './exchange.ts';
import type { Version } from './manifest-shape.ts';
import { corsHeaders } from './media-headers.ts';

export interface Representation extends Validators {
  /** Of every answer about it: CORS, validators, caching. */
  readonly common: HeaderBlock;
}

export interface FileView extends Representation {
  readonly file: ManifestFile;
  readonly slices: readonly SliceSpec[];
  /** Content headers of a 200, with its length. */
  readonly whole: HeaderBlock;
  /** The same under `Content-Encoding: gzip`; null where that is not offered. */
  readonly gzip: Representation | null;
}

const views = new WeakMap<ManifestFile, FileView>();

export function viewOf(file: ManifestFile, version: Version): FileView {
  const known = views.get(file);
  if (known) return known;
  const encodable = file.role === 'playlist';
  const slices = slicesOf(file);
  const view: FileView = {
    ...representation(etagOf(file.sha256), version, encodable),
    file,
    slices,
    whole: headerBlock({ 'content-type': file.contentType, 'content-length': String(file.sizeBytes) }),
    // A distinct strong tag: the encoded bytes are another representation (RFC 9110 §8.8.3.3).
    gzip: encodable && slices.length === 1 ? representation(etagOf(`${file.sha256}-gzip`), version, true) : null,
  };
  views.set(file, view);
  return view;
}

function representation(etag: string, version: Version, varies: boolean): Representation {
  // Of what grows, only playlists change; only they vary.
  const isGrowing = varies && version.growing !== null;
  const block = headerBlock({
    etag,
    'last-modified': formatHttpDate(version.createdAtMs),
    'accept-ranges': 'bytes',
    'cache-control': isGrowing ? 'public, max-age=1' : 'public, max-age=31536000, immutable',
    ...(varies ? { vary: 'Accept-Encoding' } : {}),
  });
  return {
    etag,
    lastModifiedMs: version.createdAtMs,
    common: { pairs: [...block.pairs, ...corsHeaders.pairs], text: block.text + corsHeaders.text },
  };
}

export const partialHeaders = (file: ManifestFile, range: ByteRange): HeaderBlock =>
  headerBlock({
    'content-type': file.contentType,
    'content-length': String(range.end + 1 - range.start),
    'content-range': formatContentRange(range, file.sizeBytes),
  });
