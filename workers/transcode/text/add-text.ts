import { text as textOf } from 'node:stream/consumers';
import type { Manifest, Packaging, Rendition } from '../../../shared/domain/manifest.ts';
import { parsePlaylist } from '../../../shared/hls/parse.ts';
import { withSubtitles } from '../../../shared/hls/subtitles.ts';
import { openContent } from '../digest.ts';
import { type PackagedAsset, type PackagedFile, packaged } from '../package.ts';
import { renderTexts, type Text, type Timeline } from './render.ts';
import { withTextSets } from './text-sets.ts';

/** What is packaged, with text beside it; as it is where there is none. */
export async function addText(
  asset: PackagedAsset,
  texts: readonly Text[],
  packaging: Packaging,
): Promise<PackagedAsset> {
  if (texts.length === 0) return asset;
  const { hls, dash } = asset.playlists;
  const read = async (path: string): Promise<string> => {
    const file = asset.files.find(({ facts }) => facts.path === path);
    if (!file) throw new Error(`there is no ${path}`);
    return textOf(openContent(file.content));
  };
  const made = await makeText({ texts, packaging, renditions: asset.renditions, playlists: asset.playlists, read });
  const untouched = asset.files.filter(({ facts }) => facts.path !== hls && facts.path !== dash);
  return { ...asset, renditions: [...asset.renditions, ...made.renditions], files: [...untouched, ...made.files] };
}

export interface TextOrder {
  readonly texts: readonly Text[];
  readonly packaging: Packaging;
  /** Of picture and sound. */
  readonly renditions: readonly Rendition[];
  readonly playlists: Manifest['playlists'];
  /** A playlist of the version as it is without these texts, or with others. */
  readonly read: (path: string) => Promise<string>;
}

/** The text renditions, and all files that text makes or changes: its own, then the two playlists that name them. */
export async function makeText({ texts, packaging, renditions, playlists, read }: TextOrder) {
  const lead = renditions.find(({ kind }) => kind === 'video') ?? renditions.find(({ kind }) => kind === 'audio');
  if (!lead) throw new Error('text needs picture or sound beside it');
  const rendered = await renderTexts(texts, packaging, timelineOf(await read(lead.playlist)));
  const texting = rendered.map(({ rendition }) => rendition);
  const playlist = (path: string, content: string): Promise<PackagedFile> =>
    packaged(path, 'playlist', Buffer.from(content), {});
  return {
    renditions: texting,
    files: [
      ...rendered.flatMap(({ files }) => files),
      await playlist(playlists.hls, withSubtitles(await read(playlists.hls), texting)),
      ...(playlists.dash === null
        ? []
        : [await playlist(playlists.dash, withTextSets(await read(playlists.dash), texting))]),
    ],
  };
}

function timelineOf(playlistText: string): Timeline {
  const playlist = parsePlaylist(playlistText);
  if (playlist.kind !== 'media') throw new Error('a rendition has no media playlist');
  return { spans: playlist.segments, targetDurationS: playlist.targetDurationS };
}
