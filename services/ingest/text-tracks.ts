import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { Asset } from '../../shared/domain/asset.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import { TextError } from '../../shared/domain/text/cue.ts';
import { parseText } from '../../shared/domain/text/parse.ts';
import { writeVtt } from '../../shared/domain/text/write-vtt.ts';
import { mergeTexts, type TextPlace, type TextTrack, textIdOf, textName } from '../../shared/domain/text-track.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import { Problem } from '../../shared/platform/problem.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { assetNotFound, refuseMissing } from './change-asset.ts';

/** A track as callers see it. */
export interface TextTrackView {
  /** `de`, `de-captions`, `de-forced`. */
  readonly id: string;
  readonly language: string;
  readonly kind: TextTrack['kind'];
  readonly name: string;
  readonly forced: boolean;
  readonly default: boolean;
  readonly origin: 'upload' | 'source';
  readonly cues: number;
  /** Whether viewers of the present version have it as it is. */
  readonly published: boolean;
}

export interface GivenText extends TextPlace {
  /** By default the language's own name for itself. */
  readonly name: string | null;
  readonly isDefault: boolean;
  readonly bytes: Uint8Array;
}

export interface TextTracks {
  /** @throws Problem `invalid-text` with the line and the mend. */
  put(assetId: string, given: GivenText): Promise<{ readonly track: TextTrackView; readonly created: boolean }>;
  /** Removing an uploaded track brings back the source's own one. @throws Problem where there is none. */
  remove(assetId: string, place: TextPlace): Promise<void>;
  list(assetId: string): Promise<readonly TextTrackView[]>;
  /** The whole track as WebVTT. */
  read(assetId: string, place: TextPlace): Promise<string>;
}

export interface TextTracksDependencies {
  readonly catalogue: Pick<Catalogue, 'get' | 'update'>;
  readonly documents: Pick<Documents, 'getManifest'>;
  readonly store: Pick<ObjectStore, 'get' | 'put'>;
  readonly jobs: Pick<JobQueue, 'add'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const maxTracks = 100;

/** An imported stream is published as it is: text beside its own, or without a multivariant playlist, has no place. */
function refuseForeign(manifest: Manifest | null): void {
  if (manifest?.recipe.profile !== 'imported') return;
  const { renditions, playlists } = manifest;
  if (renditions.some(({ kind, text }) => kind === 'text' && text?.sha256 === undefined))
    throw new Problem('conflict', 'The imported stream has subtitles of its own; add these to it and import it again.');
  if (renditions.some(({ playlist }) => playlist === playlists.hls))
    throw new Problem(
      'conflict',
      'The imported stream has no multivariant playlist, which subtitles need; add one and import it again.',
    );
}

/**
 * Text that is uploaded for an asset. It is cleaned, stored under its digest and written into the catalogue; then it goes
 * along with the transcode, or, where there is a version already, by a job of its own, which the sweep enqueues should
 * that fail here.
 */
export function makeTextTracks(dependencies: TextTracksDependencies): TextTracks {
  const { catalogue, documents, store, jobs, clock, logger } = dependencies;

  async function find(assetId: string): Promise<Asset> {
    const asset = await catalogue.get(assetId);
    if (!asset) throw assetNotFound(assetId);
    if (asset.state === 'deleted') throw new Problem('gone', 'The asset was deleted.');
    return asset;
  }

  const manifestOf = async ({ id, version }: Asset): Promise<Manifest | null> =>
    version === null ? null : documents.getManifest(id, version);

  /** Nothing is written where nothing changes. */
  async function change(assetId: string, to: (tracks: readonly TextTrack[]) => readonly TextTrack[]): Promise<Asset> {
    let isChanged = false;
    const asset = await catalogue
      .update(assetId, (present) => {
        if (present.state === 'deleted') throw new Problem('gone', 'The asset was deleted.');
        const before = present.textTracks ?? [];
        const textTracks = to(before);
        isChanged = JSON.stringify(before) !== JSON.stringify(textTracks);
        return isChanged
          ? { ...present, textTracks, textFailure: null, updatedAt: new Date(clock.now()).toISOString() }
          : present;
      })
      .catch(refuseMissing);
    if (isChanged && asset.state === 'published') await enqueueRetext(jobs, asset, logger);
    return asset;
  }

  return {
    async put(assetId, { language, kind, forced, name, isDefault, bytes }) {
      refuseForeign(await manifestOf(await find(assetId)));
      const { vtt: text, cues } = read(bytes);
      const vtt = Buffer.from(text);
      const sha256 = createHash('sha256').update(vtt).digest('hex');
      const place = { language, kind, forced };
      const track: TextTrack = {
        ...place,
        name: name ?? textName(place),
        isDefault,
        sha256,
        sizeBytes: vtt.length,
        cues,
      };
      await store.put(storeKeys.text(assetId, sha256), vtt, { sha256, sizeBytes: vtt.length });
      const id = textIdOf(place);
      let created = false;
      const asset = await change(assetId, (tracks) => {
        created = !tracks.some((each) => textIdOf(each) === id);
        if (created && tracks.length >= maxTracks)
          throw new Problem('conflict', `An asset has at most ${maxTracks} uploaded text tracks; remove one first.`);
        // Only one is shown to who has not chosen: the latest that was said to be.
        const others = isDefault ? tracks.map((each) => ({ ...each, isDefault: false })) : tracks;
        return created ? [...others, track] : others.map((each) => (textIdOf(each) === id ? track : each));
      });
      const shown = viewTexts(asset, await manifestOf(asset)).find(
        (each) => each.origin === 'upload' && each.id === id,
      );
      if (!shown) throw new Problem('conflict', 'The track was removed by another request meanwhile.');
      return { track: shown, created };
    },

    async remove(assetId, place) {
      const id = textIdOf(place);
      await find(assetId);
      await change(assetId, (tracks) => {
        const rest = tracks.filter((each) => textIdOf(each) !== id);
        if (rest.length === tracks.length) throw noSuchText(id);
        return rest;
      });
    },

    async list(assetId) {
      const asset = await find(assetId);
      return viewTexts(asset, await manifestOf(asset));
    },

    async read(assetId, place) {
      const id = textIdOf(place);
      const asset = await find(assetId);
      const tracks = mergeTexts((await manifestOf(asset))?.sourceTexts ?? [], asset.textTracks ?? []);
      const track = tracks.find((each) => textIdOf(each) === id);
      const object = track ? await store.get(storeKeys.text(assetId, track.sha256)) : null;
      if (!object) throw noSuchText(id);
      return (await buffer(object.body)).toString('utf8');
    },
  };
}

export async function enqueueRetext(jobs: Pick<JobQueue, 'add'>, asset: Asset, logger: Logger): Promise<void> {
  const payload = { assetId: asset.id, change: `${Date.parse(asset.updatedAt)}` };
  await jobs.add('retext-asset', payload, { replaceEnded: true }).catch((error: unknown) => {
    logger.error(
      { err: error, assetId: asset.id },
      'a change of text could not be enqueued; ingest tries again when it starts',
    );
  });
}

/** The source's own tracks and the uploaded ones, as the next version has them. */
export function viewTexts(
  { textTracks = [] }: Pick<Asset, 'textTracks'>,
  manifest: Pick<Manifest, 'renditions' | 'sourceTexts'> | null,
): TextTrackView[] {
  const { renditions = [], sourceTexts = [] } = manifest ?? {};
  const uploaded = new Set(textTracks.map(textIdOf));
  return mergeTexts(sourceTexts, textTracks).map((track) => {
    const { language, kind, forced, name, isDefault, cues } = track;
    const published = renditions.some(
      (each) =>
        each.text?.sha256 === track.sha256 &&
        each.language === language &&
        each.name === name &&
        each.text.kind === kind &&
        each.text.forced === forced &&
        each.text.isDefault === isDefault,
    );
    const origin = uploaded.has(textIdOf(track)) ? 'upload' : 'source';
    return { id: textIdOf(track), language, kind, name, forced, default: isDefault, origin, cues, published };
  });
}

function read(bytes: Uint8Array): { readonly vtt: string; readonly cues: number } {
  try {
    const { cues } = parseText(bytes);
    return { vtt: writeVtt(cues), cues: cues.length };
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    throw new Problem('invalid-text', `The subtitle file cannot be taken: ${error.message}.`, {
      cause: error,
      errors: [{ at: error.line === null ? 'body' : `line ${error.line}`, message: error.message }],
    });
  }
}

const noSuchText = (id: string): Problem =>
  new Problem(
    'text-track-not-found',
    `The asset has no uploaded text track "${id}"; nightfill subtitles list shows them.`,
  );
