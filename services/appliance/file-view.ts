/** A file of a version as answers need it: validators, slices and header blocks, made at its first request. */
import { etagOf, type Validators } from '../../shared/domain/http/conditional.ts';
import { formatHttpDate } from '../../shared/domain/http/date.ts';
import { type ByteRange, formatContentRange } from '../../shared/domain/http/range.ts';
import { type ManifestFile, type SliceSpec, slicesOf } from '../../shared/domain/manifest.ts';
import { type HeaderBlock, headerBlock } from './exchange.ts';
import type { Version } from './manifest-shape.ts';

export interface Representation extends Validators {
  /** Of every answer about it: validators and caching. */
  readonly common: HeaderBlock;
  /** The same where the address alone does not open it, so that caches which others share must not keep it (RFC 9111 §3.5). */
  readonly commonPrivate: HeaderBlock;
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
  // What changes while its version keeps its date is told apart by its tag alone.
  const lastModifiedMs = isGrowing ? null : version.createdAtMs;
  const block = (whose: 'public' | 'private'): HeaderBlock =>
    headerBlock({
      etag,
      ...(lastModifiedMs === null ? {} : { 'last-modified': formatHttpDate(lastModifiedMs) }),
      'accept-ranges': 'bytes',
      'cache-control': `${whose}, ${isGrowing ? 'max-age=1' : 'max-age=31536000, immutable'}`,
      ...(varies ? { vary: 'Accept-Encoding' } : {}),
    });
  return { etag, lastModifiedMs, common: block('public'), commonPrivate: block('private') };
}

export const partialHeaders = (file: ManifestFile, range: ByteRange): HeaderBlock =>
  headerBlock({
    'content-type': file.contentType,
    'content-length': String(range.end + 1 - range.start),
    'content-range': formatContentRange(range, file.sizeBytes),
  });
