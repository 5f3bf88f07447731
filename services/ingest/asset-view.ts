import { LRUCache } from 'lru-cache';
import type { Asset, AssetDeletion, TranscodeProgress } from '../../shared/domain/asset.ts';
import type { Encryption } from '../../shared/domain/encryption.ts';
import type { EarlyPlayback } from '../../shared/domain/growing.ts';
import type { Manifest, Packaging, Rendition } from '../../shared/domain/manifest.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import { type TextTrackView, viewTexts } from './text-tracks.ts';

/** An asset as callers see it. */
export interface AssetView
  extends Omit<
    Asset,
    | 'schema'
    | 'sourceKey'
    | 'series'
    | 'premiereDate'
    | 'premieresAt'
    | 'mustHave'
    | 'packaging'
    | 'encryption'
    | 'early'
    | 'textTracks'
    | 'deletion'
  > {
  readonly deletion: AssetDeletion | null;
  readonly series: string | null;
  readonly premiereDate: string | null;
  readonly premieresAt: string | null;
  readonly mustHave: boolean;
  readonly packaging: Packaging;
  readonly encryption: Encryption;
  readonly early: EarlyPlayback | null;
  /** Subtitles and captions, as the next version has them. */
  readonly textTracks: readonly TextTrackView[];
  /** Null unless a transcode waits or runs. */
  readonly progress: TranscodeProgress | null;
  /** Of the published version; empty before the first publication. */
  readonly renditions: readonly Rendition[];
  /** Of the published version, relative to it. */
  readonly images: Manifest['images'] | null;
}

export type ViewAsset = (asset: Asset) => Promise<AssetView>;

const rememberedVersions = 200;

type Made = Pick<AssetView, 'renditions' | 'images'> & Pick<Manifest, 'sourceTexts'>;
const nothing: Made = { renditions: [], images: null };

/** Adds to the catalogue's document what lives elsewhere. What a version is made of is remembered, since versions never change. */
export function makeViewAsset({
  catalogue,
  documents,
}: {
  readonly catalogue: Pick<Catalogue, 'getProgress'>;
  readonly documents: Pick<Documents, 'getManifest'>;
}): ViewAsset {
  const remembered = new LRUCache<string, Made>({ max: rememberedVersions });

  async function madeOf({ id, version }: Asset): Promise<Made> {
    if (version === null) return nothing;
    const key = `${id}/${version}`;
    const known = remembered.get(key);
    if (known) return known;
    const manifest = await documents.getManifest(id, version);
    if (!manifest) return nothing;
    const { renditions, images = null, sourceTexts = [] } = manifest;
    const made = { renditions, images, sourceTexts };
    remembered.set(key, made);
    return made;
  }

  return async (asset) => {
    const { schema: _schema, sourceKey: _sourceKey, ...shown } = asset;
    const made = asset.state === 'deleted' ? nothing : await madeOf(asset);
    const isBeingMade = asset.state === 'uploaded' || asset.state === 'transcoding';
    return {
      ...shown,
      series: asset.series ?? null,
      premiereDate: asset.premiereDate ?? null,
      premieresAt: asset.premieresAt ?? null,
      mustHave: asset.mustHave ?? false,
      packaging: asset.packaging ?? 'segments',
      encryption: asset.encryption ?? 'none',
      early: asset.early ?? null,
      deletion: asset.deletion ?? null,
      progress: isBeingMade ? await catalogue.getProgress(asset.id) : null,
      renditions: made.renditions,
      images: made.images,
      textTracks: viewTexts(asset, made),
      textFailure: asset.textFailure ?? null,
    };
  };
}
