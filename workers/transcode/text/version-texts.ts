import type { Asset, SourceText } from '../../../shared/domain/asset.ts';
import type { Manifest } from '../../../shared/domain/manifest.ts';
import { mergeTexts, type TextTrack } from '../../../shared/domain/text-track.ts';
import type { ObjectStore } from '../../../shared/ports/object-store.ts';
import { type ExtractOptions, extractTexts } from './extract.ts';
import type { Text } from './render.ts';
import { keepText, readText } from './text-objects.ts';

/** What a version shows, and what its source held; the manifest keeps the latter for versions to come. */
export interface VersionTexts {
  readonly shown: readonly Text[];
  readonly ofSource: readonly TextTrack[];
}

/** Of a source in a local file. */
export async function textsOfSource(
  store: Pick<ObjectStore, 'get' | 'put'>,
  asset: Pick<Asset, 'id' | 'textTracks'>,
  inputPath: string,
  tracks: readonly SourceText[],
  options: ExtractOptions,
): Promise<VersionTexts> {
  const found = await extractTexts(inputPath, tracks, options);
  for (const text of found) await keepText(store, asset.id, text);
  return merged(
    store,
    asset,
    found.map(({ track }) => track),
    found,
  );
}

/** Of a version that is published. */
export const textsOfVersion = (
  store: Pick<ObjectStore, 'get'>,
  asset: Pick<Asset, 'id' | 'textTracks'>,
  { sourceTexts = [] }: Pick<Manifest, 'sourceTexts'>,
): Promise<VersionTexts> => merged(store, asset, sourceTexts, []);

async function merged(
  store: Pick<ObjectStore, 'get'>,
  { id, textTracks = [] }: Pick<Asset, 'id' | 'textTracks'>,
  ofSource: readonly TextTrack[],
  known: readonly Text[],
): Promise<VersionTexts> {
  const shown = mergeTexts(ofSource, textTracks).map(async (track): Promise<Text> => {
    const text = known.find((one) => one.track.sha256 === track.sha256) ?? (await readText(store, id, track));
    return { track, cues: text.cues };
  });
  return { shown: await Promise.all(shown), ofSource };
}

/** The part of the manifest that text needs besides renditions and files. */
export const textFacts = (
  version: string,
  base: string,
  ofSource: readonly TextTrack[],
): Pick<Manifest, 'base' | 'sourceTexts'> => ({
  ...(version === base ? {} : { base }),
  ...(ofSource.length > 0 ? { sourceTexts: ofSource } : {}),
});
