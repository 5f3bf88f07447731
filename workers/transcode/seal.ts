/**
 * Encrypts what was encoded, into files beside it: samples before a track is cut (CBCS), segments after (AES-128).
 *
 * The clear files stay for the pictures that are made of them, in the scratch folder, which nobody publishes.
 */
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContentKeyName, EncryptionScheme, ManifestEncryption } from '../../shared/domain/encryption.ts';
import type { ObjectKey } from '../../shared/domain/keys.ts';
import type { PlaylistKey } from '../../shared/hls/keys.ts';
import { encryptSegment, sequenceIv } from '../../shared/media/encryption/aes-128.ts';
import { protectFile } from '../../shared/media/encryption/protect-file.ts';
import { type ContentKey, type ContentSecret, contentKeyOf } from '../../shared/tokens/content-keys.ts';
import { cutSegments, type Segment } from './cut.ts';
import { localPath, localTrack, type PrepareTrack, type TrackBytes } from './rendition.ts';

type SealedKind = ContentKeyName['kind'];

export interface Sealing {
  readonly scheme: EncryptionScheme;
  readonly secretId: string;
  keyOf(kind: SealedKind): ContentKey;
}

export const makeSealing = (
  scheme: EncryptionScheme,
  secret: ContentSecret,
  { assetId, version }: Pick<ObjectKey, 'assetId' | 'version'>,
): Sealing => ({ scheme, secretId: secret.id, keyOf: (kind) => contentKeyOf(secret, { assetId, version }, kind) });

/** What the manifest says of it. */
export const encryptionFacts = (
  { scheme, secretId, keyOf }: Sealing,
  kinds: readonly SealedKind[],
): ManifestEncryption => ({
  scheme,
  secretId,
  keys: [...new Set(kinds)].map((kind) => ({ id: keyOf(kind).id, kind })),
});

/** Of picture and sound, in hex, whether there are both or not. */
const licenceKeyIdsOf = ({ keyOf }: Pick<Sealing, 'keyOf'>): string[] => [keyOf('video').id, keyOf('audio').id];

/** How playlists name a key; `folder` leads from the playlist to the version. */
export function playlistKeysOf({ scheme, keyOf }: Sealing, kind: SealedKind, folder: string): PlaylistKey[] {
  const { id } = keyOf(kind);
  const uri = `${folder}keys/${id}`;
  if (scheme === 'aes-128') return [{ method: 'AES-128', uri }];
  return [
    // The key itself, for Apple's players and Shaka, and where browsers' key systems are used, the name of one.
    { method: 'SAMPLE-AES', uri, keyFormat: 'identity' },
    { method: 'SAMPLE-AES', uri, keyFormat: 'org.w3.clearkey', keyId: id },
  ];
}

/**
 * Makes sealed files in `dir`, which must not be there yet and must outlive the upload. An encoded track that lies in the store
 * is copied there first, which checks its digests.
 *
 * @throws EncryptionUnsupportedError; the signal's reason.
 */
export function sealTracks({ scheme, keyOf }: Sealing, dir: string, signal: AbortSignal): PrepareTrack {
  return async (id, kind, encoded, segmentS) => {
    await mkdir(dir, { recursive: true });
    const path = await localPath(encoded, join(dir, `${id}.mp4`));
    const clear = { track: encoded.track, bytes: spansIn(path) };
    const sealedPath = join(dir, `${id}.${scheme}`);
    const key = keyOf(kind);
    if (scheme === 'aes-128') {
      const segments = cutSegments(clear.track, segmentS);
      const sealed = await sealSegments(path, sealedPath, clear.track.initSizeBytes, segments, key, signal);
      return { track: clear.track, bytes: spansIn(sealedPath), clear, segments: sealed, hasIframes: false };
    }
    const licenceKeyIds = licenceKeyIdsOf({ keyOf }).map((keyId) => Buffer.from(keyId, 'hex'));
    await protectFile(path, sealedPath, { ...key, keyId: Buffer.from(key.id, 'hex'), licenceKeyIds }, signal);
    const sealed = await localTrack({ id, path: sealedPath });
    if (!sealed) throw new Error(`nothing is left of ${id}`);
    return { ...sealed, clear, segments: cutSegments(sealed.track, segmentS), hasIframes: kind === 'video' };
  };
}

const spansIn =
  (path: string): TrackBytes =>
  (offset, sizeBytes) => [{ path, offset, sizeBytes }];

/**
 * Segments encrypted as wholes, one behind the other in a file that begins with the initialisation part, which stays clear: a
 * playlist whose EXT-X-MAP stands before its EXT-X-KEY says so. Their number in the playlist is their initialisation vector.
 */
async function sealSegments(
  path: string,
  sealedPath: string,
  initSizeBytes: number,
  segments: readonly Segment[],
  { key }: ContentKey,
  signal: AbortSignal,
): Promise<readonly Segment[]> {
  const sealed: Segment[] = [];
  const input = await open(path, 'r');
  const output = await open(sealedPath, 'w');
  const read = async (offset: number, sizeBytes: number): Promise<Buffer> => {
    const { buffer, bytesRead } = await input.read(Buffer.alloc(sizeBytes), 0, sizeBytes, offset);
    if (bytesRead < sizeBytes) throw new Error(`${path} ends within a segment`);
    return buffer;
  };
  try {
    await output.write(await read(0, initSizeBytes));
    let offset = initSizeBytes;
    for (const [index, segment] of segments.entries()) {
      signal.throwIfAborted();
      const bytes = encryptSegment(await read(segment.offset, segment.sizeBytes), key, sequenceIv(index));
      await output.write(bytes);
      sealed.push({ ...segment, offset, sizeBytes: bytes.length });
      offset += bytes.length;
    }
  } finally {
    await Promise.all([input.close(), output.close()]);
  }
  return sealed;
}
