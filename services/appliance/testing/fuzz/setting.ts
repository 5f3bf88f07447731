/** What is fuzzed: a title, keys of both kinds, and orders that know them. */

import { formatHttpDate } from '../../../../shared/domain/http/date.ts';
import { sliceSizeBytes } from '../../../../shared/domain/manifest.ts';
import { generateTokenKey, type SigningKey, verificationKey } from '../../../../shared/tokens/keys.ts';
import { makeTitle, type Title } from '../fleet.ts';
import type { PublishedFile } from './model.ts';
import { type Fuzzer, makeFuzzer } from './requests.ts';

const revokedSession = 'revoked';

export interface Setting {
  readonly title: Title;
  /** The first signs for other purposes of the test. */
  readonly keys: readonly [SigningKey, SigningKey];
  readonly orders: { readonly tokenKeys: ReturnType<typeof verificationKey>[]; readonly revokedSessions: string[] };
  fuzzer(seed: number): Promise<Fuzzer>;
}

export async function makeSetting(): Promise<Setting> {
  const title = makeTitle(
    'film',
    [
      { path: 'video-720p/seg-0.m4s', sizeBytes: 70_000 },
      { path: 'video-720p/seg-1.m4s', sizeBytes: 1 },
      { path: 'video-720p/seg-2.m4s', sizeBytes: 300_001 },
      { path: 'video-1080p.mp4', sizeBytes: 2 * sliceSizeBytes + 500 },
    ],
    `#EXTM3U\n${'#EXTINF:6.0,\nseg-0.m4s\n'.repeat(50)}`,
  );
  const keys = [await generateTokenKey('HS256'), await generateTokenKey('ES256')] as const;
  const stranger = await generateTokenKey('HS256');
  const published = new Map(
    title.manifest.files.map(({ path, sha256, contentType, role }): [string, PublishedFile] => [
      path,
      { bytes: title.files.get(path) ?? Buffer.alloc(0), sha256, contentType, isPlaylist: role === 'playlist' },
    ]),
  );
  const modifiedAt = formatHttpDate(Math.floor(Date.parse(title.manifest.createdAt) / 1_000) * 1_000);
  const { assetId, version } = title;
  return {
    title,
    keys,
    orders: { tokenKeys: keys.map(verificationKey), revokedSessions: [revokedSession] },
    fuzzer: (seed) => makeFuzzer({ assetId, version, seed, published, modifiedAt, keys, stranger, revokedSession }),
  };
}
