/** One published title to serve: many segments of 2 MB, small playlists, one large single file; bytes without pattern. */
import { createCipheriv, createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Manifest, type ManifestFile, sliceSizeBytes } from '../../../shared/domain/manifest.ts';

export const assetId = 'bench';
export const version = 'v1';

export interface Content {
  readonly segments: readonly string[];
  readonly playlists: readonly string[];
  readonly single: string;
  readonly singleBytes: number;
  /** Never asked for before: one for each cold round. */
  readonly cold: readonly string[];
}

const segmentBytes = 2_000_000;
const playlistBytes = 1_024;
const names = (stem: string, count: number, ending: string) =>
  Array.from({ length: count }, (_, i) => `${stem}-${i}.${ending}`);

/** Writes the title into a folder store, unless it is there. */
export function publishContent(storeRoot: string, singleBytes: number): Content {
  const content: Content = {
    segments: names('video-1080p/seg', 48, 'm4s'),
    playlists: names('list', 64, 'm3u8'),
    single: 'video-2160p.mp4',
    singleBytes,
    cold: names('cold/seg', 64, 'm4s'),
  };
  const home = join(storeRoot, 'objects', 'assets', assetId, version);
  const manifestPath = join(home, 'asset.json');
  const facts = JSON.stringify(content);
  if (existsSync(manifestPath) && existsSync(`${home}.facts`) && readFileSync(`${home}.facts`, 'utf8') === facts)
    return content;
  const files = [
    ...[...content.segments, ...content.cold].map((path) => writeMedia(home, path, segmentBytes)),
    ...content.playlists.map((path) => writeMedia(home, path, playlistBytes)),
    writeMedia(home, content.single, singleBytes),
  ];
  writeFileSync(manifestPath, JSON.stringify(manifestOf(files)));
  writeFileSync(`${home}.facts`, facts);
  return content;
}

function writeMedia(home: string, path: string, sizeBytes: number): ManifestFile {
  const target = join(home, path);
  mkdirSync(dirname(target), { recursive: true });
  const stream = createCipheriv('aes-128-ctr', createHash('md5').update(path).digest(), Buffer.alloc(16));
  const whole = createHash('sha256');
  const slices: string[] = [];
  const zeros = Buffer.alloc(sliceSizeBytes);
  const fd = openSync(target, 'w');
  for (let at = 0; at < sizeBytes; at += sliceSizeBytes) {
    const part = stream.update(zeros.subarray(0, Math.min(sliceSizeBytes, sizeBytes - at)));
    whole.update(part);
    slices.push(createHash('sha256').update(part).digest('hex'));
    writeSync(fd, part);
  }
  closeSync(fd);
  const isPlaylist = path.endsWith('.m3u8');
  return {
    path,
    role: isPlaylist ? 'playlist' : 'segment',
    sizeBytes,
    sha256: whole.digest('hex'),
    ...(slices.length > 1 ? { sliceSha256: slices } : {}),
    contentType: isPlaylist ? 'application/vnd.apple.mpegurl' : 'video/mp4',
    rendition: isPlaylist ? null : 'video-1080p',
    index: isPlaylist ? null : 0,
    startS: null,
    durationS: null,
  };
}

const manifestOf = (files: readonly ManifestFile[]): Manifest => ({
  schema: 1,
  assetId,
  version,
  title: 'benchmark',
  createdAt: '2026-11-20T12:00:00.000Z',
  durationS: 0,
  packaging: 'segments',
  sliceSizeBytes,
  sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  source: { sha256: '0'.repeat(64), sizeBytes: 1 },
  recipe: { profile: 'bench', packager: 'bench', encoder: 'bench' },
  playlists: { hls: 'list-0.m3u8', dash: 'list-1.m3u8' },
  renditions: [],
  files,
});
