import type { Asset } from './asset.ts';

type Given = Pick<Asset, 'id' | 'title' | 'profile' | 'source' | 'sourceKey' | 'createdAt'>;

/** An asset whose bytes are stored and of which nothing was made yet. */
export const newAsset = (of: Given & Partial<Asset>): Asset => ({
  schema: 1,
  tags: [],
  state: 'uploaded',
  version: null,
  durationS: null,
  sizeBytes: null,
  failure: null,
  updatedAt: of.createdAt,
  publishedAt: null,
  ...of,
});
