import { hash } from 'node:crypto';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { isMediaPath, type ObjectKey } from '../../shared/domain/keys.ts';
import { type Manifest, type ManifestFile, sliceSizeBytes, slicesOf } from '../../shared/domain/manifest.ts';

const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const size = Type.Integer({ minimum: 0 });

/** Only what an appliance works by; the rest of the document is for others. */
const shape = Type.Object({
  schema: Type.Literal(1),
  assetId: Type.String(),
  version: Type.String(),
  createdAt: Type.String(),
  sliceSizeBytes: Type.Literal(sliceSizeBytes),
  encryption: Type.Optional(
    Type.Object({
      scheme: Type.String(),
      keys: Type.Array(Type.Object({ id: Type.String({ pattern: '^[0-9a-f]{32}$' }) })),
    }),
  ),
  renditions: Type.Array(Type.Object({ id: Type.String(), kind: Type.String() })),
  files: Type.Array(
    Type.Object({
      path: Type.String(),
      role: Type.String(),
      sizeBytes: size,
      sha256,
      sliceSha256: Type.Optional(Type.Array(sha256)),
      contentType: Type.String({ pattern: '^[\\w.+/;= -]+$' }),
      rendition: Type.Union([Type.String(), Type.Null()]),
    }),
  ),
});

const growingShape = Type.Object({
  growing: Type.Object({
    revision: Type.Integer({ minimum: 1 }),
    targetDurationS: Type.Integer({ minimum: 1 }),
    texts: Type.Record(Type.String(), Type.String()),
  }),
});

/** A manifest with its files by path: what requests are answered by. */
export interface Version {
  readonly manifest: Manifest;
  readonly files: ReadonlyMap<string, ManifestFile>;
  /** Unix milliseconds, whole seconds, as `Last-Modified` can say it. */
  readonly createdAtMs: number;
  /** Renditions whose first segment begins a playback: video, or audio where there is no video. */
  readonly leadRenditions: ReadonlySet<string>;
  /** The document itself, for appliances that pull it from here. */
  readonly bytes: Uint8Array;
  readonly sha256: string;
  /** Null for what is published. */
  readonly growing: GrowingPart | null;
}

/** Of a version that is being made: its playlists, which have no bytes anywhere else. */
export interface GrowingPart {
  readonly revision: number;
  readonly targetDurationS: number;
  readonly texts: ReadonlyMap<string, Buffer>;
}

/** Reads what a version is so far (`shared/domain/growing.ts`); null as for a manifest. */
export function parseGrowing(bytes: Uint8Array, digest: string, id: VersionId): Version | null {
  const value = parseJson(bytes);
  const version = Value.Check(growingShape, value) ? readVersion(value, bytes, digest, id) : null;
  if (!version || !Value.Check(growingShape, value)) return null;
  const { revision, targetDurationS, texts } = value.growing;
  const buffers = new Map(Object.entries(texts).map(([path, text]) => [path, Buffer.from(text)]));
  const isWhole = version.manifest.files.every(({ path, role, sha256 }) => {
    const text = buffers.get(path);
    return (role === 'playlist') === (text !== undefined) && (!text || hash('sha256', text, 'hex') === sha256);
  });
  return isWhole ? { ...version, growing: { revision, targetDurationS, texts: buffers } } : null;
}

/** Reads a manifest; null when the bytes are none, or are that of another version. */
export function parseVersion(bytes: Uint8Array, digest: string, id: VersionId): Version | null {
  const value = parseJson(bytes);
  return Value.Check(growingShape, value) ? null : readVersion(value, bytes, digest, id);
}

type VersionId = Pick<ObjectKey, 'assetId' | 'version'>;

function readVersion(
  value: unknown,
  bytes: Uint8Array,
  digest: string,
  { assetId, version }: VersionId,
): Version | null {
  if (!Value.Check(shape, value)) return null;
  const manifest = value as unknown as Manifest;
  const createdAtMs = Math.floor(Date.parse(manifest.createdAt) / 1_000) * 1_000;
  if (manifest.assetId !== assetId || manifest.version !== version || Number.isNaN(createdAtMs)) return null;
  if (!manifest.files.every(isSound)) return null;
  const videos = manifest.renditions.filter(({ kind }) => kind === 'video');
  const leaders = videos.length > 0 ? videos : manifest.renditions.filter(({ kind }) => kind !== 'text');
  return {
    manifest,
    createdAtMs,
    files: new Map(manifest.files.map((file) => [file.path, file])),
    leadRenditions: new Set(leaders.map(({ id }) => id)),
    bytes,
    sha256: digest,
    growing: null,
  };
}

function isSound(file: ManifestFile): boolean {
  if (!isMediaPath(file.path)) return false;
  try {
    slicesOf(file);
    return true;
  } catch {
    return false;
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch {
    return null;
  }
}
