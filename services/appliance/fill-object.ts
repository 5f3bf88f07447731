/**
 * Taking in what a fill pushes: a manifest on its `Content-Digest`, media on the digests of that manifest.
 *
 * Media are stored slice by slice as they arrive, so that a push which breaks off keeps what was whole and goes on from
 * there (`heldFromStart`), and memory holds one slice however large the object is.
 */
import { createHash, hash } from 'node:crypto';
import type { ByteRange } from '../../shared/domain/http/range.ts';
import { formatObjectKey, manifestName, type ObjectKey } from '../../shared/domain/keys.ts';
import { type ManifestFile, type SliceSpec, sliceSizeBytes, slicesOf } from '../../shared/domain/manifest.ts';
import { Problem } from '../../shared/platform/problem.ts';
import type { IncomingBuffers, SegmentCache, WriteOutcome } from '../../shared/ports/segment-cache.ts';
import type { FillBody } from './fill-body.ts';
import type { FillPace } from './fill-pace.ts';
import { parseVersion } from './manifest-shape.ts';
import type { Provenance } from './provenance.ts';
import type { Tombstones } from './tombstones.ts';
import type { Versions } from './versions.ts';
import { writeWhole } from './whole-object.ts';

export interface FillRequest {
  readonly key: ObjectKey;
  readonly body: FillBody;
  /** Lower-case hex SHA-256 of the body; null when it was not stated. */
  readonly digest: string | null;
  /** Null: the whole object. */
  readonly range: (ByteRange & { readonly sizeBytes: number }) | null;
}

export interface FillObject {
  /** @throws Problem `gone`, `manifest-missing`, `not-found`, `invalid-request`, `digest-mismatch`, `no-room`, `disk-failed` */
  put(request: FillRequest): Promise<'stored' | 'held'>;
  /** Bytes held from the object's start; null when nothing of it is held. */
  heldFromStart(key: ObjectKey): Promise<number | null>;
}

export interface FillDeps {
  readonly cache: SegmentCache;
  readonly versions: Versions;
  readonly tombstones: Tombstones;
  readonly provenance: Pick<Provenance, 'stored'>;
  readonly pace: Pick<FillPace, 'turn'>;
}

const maxManifestBytes = 64 * 1024 * 1024;
const collectedAtOnceBytes = 256 * 1024;
const filled = { pinned: true } as const;

export function makeFillObject({ cache, versions, tombstones, provenance, pace }: FillDeps): FillObject {
  async function putManifest({ key, body, digest }: FillRequest): Promise<'stored' | 'held'> {
    if (digest === null) throw new Problem('invalid-request', 'A manifest needs a Content-Digest with sha-256.');
    const bytes = await collect(body, maxManifestBytes);
    if (hash('sha256', bytes, 'hex') !== digest) throw mismatch(key);
    if (!parseVersion(bytes, digest, key))
      throw new Problem('invalid-request', `The body is no manifest of ${key.assetId}/${key.version}.`);
    const known = await versions.held(key);
    if (known && known.sha256 !== digest)
      throw new Problem('digest-mismatch', 'Another manifest of this version is held; versions never change.');
    const outcome = accept(await writeWhole(cache, formatObjectKey(key), bytes, filled), key);
    provenance.stored(formatObjectKey(key), 0);
    return outcome;
  }

  async function putMedia(request: FillRequest): Promise<'stored' | 'held'> {
    const { key, body, digest } = request;
    const version = await versions.held(key);
    if (!version)
      throw new Problem('manifest-missing', `Put ${key.assetId}/${key.version}/${manifestName} before its media.`);
    const file = version.files.get(key.path);
    if (!file) throw new Problem('not-found', `The manifest names no file ${key.path}.`);
    const slices = slicesIn(file, request.range);
    const name = formatObjectKey(key);
    if (slices.every(({ index }) => cache.has(name, index))) {
      for (const slice of slices) await cache.write(name, slice, new Uint8Array(), filled);
      return 'held';
    }
    // The digest of a single slice is the manifest's, which the cache compares the bytes with.
    const hashing = slices.length > 1 && digest !== null ? createHash('sha256') : null;
    for await (const { slice, bytes } of cut(body, slices, cache.incoming)) {
      hashing?.update(bytes);
      if (slices.length === 1 && digest !== null && digest !== slice.sha256) throw mismatch(key);
      accept(await pace.turn(() => cache.write(name, slice, bytes, filled)), key);
      provenance.stored(name, slice.index);
    }
    if (hashing && hashing.digest('hex') !== digest) throw mismatch(key);
    return 'stored';
  }

  return {
    async put(request) {
      const { key } = request;
      if (tombstones.has(key)) throw new Problem('gone', `${key.assetId}/${key.version} was deleted.`);
      return key.path === manifestName ? putManifest(request) : putMedia(request);
    },

    async heldFromStart(key) {
      const version = await versions.held(key);
      if (!version) return null;
      if (key.path === manifestName) return version.bytes.length;
      const file = version.files.get(key.path);
      if (!file) return null;
      const name = formatObjectKey(key);
      const slices = slicesOf(file);
      if (!slices.some(({ index }) => cache.has(name, index))) return null;
      const missing = slices.find(({ index }) => !cache.has(name, index));
      return missing ? missing.offset : file.sizeBytes;
    },
  };
}

const mismatch = (key: ObjectKey): Problem =>
  new Problem('digest-mismatch', `The bytes of ${formatObjectKey(key)} are not those that were published.`);

function accept(outcome: WriteOutcome, key: ObjectKey): 'stored' | 'held' {
  if (outcome === 'stored') return 'stored';
  if (outcome === 'already-held') return 'held';
  if (outcome === 'digest-mismatch') throw mismatch(key);
  if (outcome === 'no-room') throw new Problem('no-room', 'The capacity is used up by what the plan keeps.');
  throw new Problem('disk-failed', 'The disk refuses more bytes; the log of the appliance says why.');
}

/** The slices that a request carries. A part begins and ends where slices do, since only those can be checked. */
function slicesIn(file: ManifestFile, range: FillRequest['range']): SliceSpec[] {
  const slices = slicesOf(file);
  if (!range) return slices;
  if (range.sizeBytes !== file.sizeBytes)
    throw new Problem(
      'invalid-request',
      `Content-Range names ${range.sizeBytes} bytes, the manifest ${file.sizeBytes}.`,
    );
  const end = range.end + 1;
  if (range.start % sliceSizeBytes !== 0 || (end % sliceSizeBytes !== 0 && end !== file.sizeBytes))
    throw new Problem('invalid-request', `Content-Range must begin and end at multiples of ${sliceSizeBytes} bytes.`);
  return slices.filter(({ offset }) => offset >= range.start && offset < end);
}

/**
 * Cuts a body into the given slices, each in a buffer that is used again once the next is asked for.
 *
 * @throws Problem when it is shorter or longer than they are.
 */
async function* cut(body: FillBody, slices: readonly SliceSpec[], buffers: IncomingBuffers) {
  const total = slices.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const buffer = buffers.take(Math.max(...slices.map(({ sizeBytes }) => sizeBytes)));
  try {
    let received = 0;
    for (const slice of slices) {
      const bytes = buffer.subarray(0, slice.sizeBytes);
      const length = await body.read(bytes);
      received += length;
      if (length < bytes.length)
        throw new Problem('digest-mismatch', `The body ended after ${received} of ${total} bytes.`);
      yield { slice, bytes };
    }
    if ((await body.read(Buffer.alloc(1))) > 0)
      throw new Problem('digest-mismatch', `The body is longer than the ${total} bytes of its slices.`);
  } finally {
    buffers.give(buffer);
  }
}

async function collect(body: FillBody, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafeSlow(collectedAtOnceBytes);
    const count = await body.read(chunk);
    length += count;
    if (length > maxBytes) throw new Problem('too-large', `A manifest has at most ${maxBytes} bytes.`);
    chunks.push(chunk.subarray(0, count));
    if (count < chunk.length) return Buffer.concat(chunks);
  }
}
