/** Titles of large segments for measurements, brought in by the fill API. */
import { createHash, hash } from 'node:crypto';
import { sliceSizeBytes } from '../../../shared/domain/manifest.ts';
import type { Appliance } from './appliance.ts';
import { version } from './store.ts';

export interface Piece {
  readonly path: string;
  readonly sizeBytes: number;
}

/** Different for each name, and quick to make. */
export function bytesOf(name: string, sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, createHash('sha512').update(name).digest());
}

interface Digested extends Piece {
  readonly sha256: string;
  readonly sliceSha256: readonly string[];
}

function digest(assetId: string, { path, sizeBytes }: Piece): Digested {
  const bytes = bytesOf(`${assetId}/${path}`, sizeBytes);
  const sliceSha256 = [];
  for (let at = 0; at < sizeBytes; at += sliceSizeBytes)
    sliceSha256.push(hash('sha256', bytes.subarray(at, at + sliceSizeBytes), 'hex'));
  return { path, sizeBytes, sliceSha256, sha256: createHash('sha256').update(bytes).digest('hex') };
}

export interface Title {
  readonly assetId: string;
  readonly manifest: Buffer;
  readonly files: readonly Digested[];
}

export function makeTitle(assetId: string, pieces: readonly Piece[]): Title {
  const files = pieces.map((piece) => digest(assetId, piece));
  const manifest = {
    schema: 1,
    assetId,
    version,
    title: assetId,
    createdAt: '2026-11-20T12:00:00.000Z',
    durationS: 1,
    packaging: 'segments',
    sliceSizeBytes,
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    source: { sha256: '0'.repeat(64), sizeBytes: 1 },
    recipe: { profile: 'bench', packager: 'bench', encoder: 'bench' },
    playlists: { hls: 'a.m3u8', dash: 'a.mpd' },
    renditions: [],
    files: files.map(({ path, sizeBytes, sha256, sliceSha256 }) => ({
      ...{ path, role: 'segment', sizeBytes, sha256, contentType: 'video/mp4', rendition: 'video' },
      ...(sliceSha256.length > 1 ? { sliceSha256 } : {}),
      ...{ index: 0, startS: null, durationS: null },
    })),
  };
  return { assetId, manifest: Buffer.from(JSON.stringify(manifest)), files };
}

/** Puts the manifest and then every file, so many at once, until all are there or `isOver`. Returns the bytes. */
export async function fillTitle(
  appliance: Pick<Appliance, 'fill'>,
  { assetId, manifest, files }: Title,
  parallel = 4,
  isOver = (): boolean => false,
): Promise<number> {
  const put = async (path: string, bytes: Buffer, sha256: string): Promise<void> => {
    const status = await appliance.fill(`${assetId}/${version}/${path}`, bytes, sha256);
    if (status !== 201 && status !== 200) throw new Error(`filling ${assetId}/${path}: ${status}`);
  };
  await put('asset.json', manifest, hash('sha256', manifest, 'hex'));
  let filledBytes = 0;
  const lane = async (from: number): Promise<void> => {
    for (let at = from; at < files.length && !isOver(); at += parallel) {
      const { path = '', sizeBytes = 0, sha256 = '' } = files[at] ?? {};
      await put(path, bytesOf(`${assetId}/${path}`, sizeBytes), sha256);
      filledBytes += sizeBytes;
    }
  };
  await Promise.all(Array.from({ length: parallel }, (_, from) => lane(from)));
  return filledBytes;
}
