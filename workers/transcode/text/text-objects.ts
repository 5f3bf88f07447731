/** Text tracks as objects of the store: `assets/<assetId>/text/<sha256>.vtt`. */
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { storeKeys } from '../../../shared/domain/keys.ts';
import type { Cue } from '../../../shared/domain/text/cue.ts';
import { parseText } from '../../../shared/domain/text/parse.ts';
import { writeVtt } from '../../../shared/domain/text/write-vtt.ts';
import { cleanName, type TextTrack } from '../../../shared/domain/text-track.ts';
import type { ObjectStore } from '../../../shared/ports/object-store.ts';
import type { Text } from './render.ts';

export function trackOf(
  said: Pick<TextTrack, 'language' | 'kind' | 'name' | 'forced' | 'isDefault'>,
  cues: readonly Cue[],
): TextTrack {
  const bytes = Buffer.from(writeVtt(cues));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { ...said, name: cleanName(said.name), sha256, sizeBytes: bytes.length, cues: cues.length };
}

/** Puts what was extracted where a later version finds it without the source. */
export async function keepText(store: Pick<ObjectStore, 'put'>, assetId: string, { track, cues }: Text): Promise<void> {
  const { sha256, sizeBytes } = track;
  await store.put(storeKeys.text(assetId, sha256), Buffer.from(writeVtt(cues)), { sha256, sizeBytes });
}

/** @throws Error when the object is gone or is not what it was. */
export async function readText(store: Pick<ObjectStore, 'get'>, assetId: string, track: TextTrack): Promise<Text> {
  const key = storeKeys.text(assetId, track.sha256);
  const object = await store.get(key);
  if (!object) throw new Error(`${key} is gone`);
  const bytes = await buffer(object.body);
  if (createHash('sha256').update(bytes).digest('hex') !== track.sha256) throw new Error(`${key} was changed`);
  return { track, cues: parseText(bytes).cues };
}
