/**
 * What several workers make of one transcode, kept in the object store until it is joined: `work/<asset>/<version>/`,
 * where the version is the one without uploaded text, which may change meanwhile.
 *
 * - `plan.json`: what the source is and where it is cut; written once, by whoever takes the job first.
 * - `<part>.json`: the facts of a part that is done, written last. Its presence means that it need not be done again.
 * - `<part>/<rendition>.mp4`: the media of a part, where the version is packaged as single files. Segments are final and
 *   lie where they are published; nobody sees them before the manifest is there.
 *
 * Documents carry their own digest, so that a damaged one is found.
 */
import { createHash } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { TextTrack } from '../../shared/domain/text-track.ts';
import type { EncodeChunkPayload } from '../../shared/jobs/map.ts';
import type { ProbedSource } from '../../shared/media/probe.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { Chunk } from './chunks.ts';
import type { Digests } from './digest.ts';
import type { MeasuredTrack } from './measure.ts';

export interface WorkPlan {
  /** Where the media are published. */
  readonly version: string;
  /** The uploaded text that this version shows. */
  readonly textTracks: readonly TextTrack[];
  /** What the source holds itself; its text is kept in the store. */
  readonly sourceTexts: readonly TextTrack[];
  readonly source: ProbedSource;
  readonly chunks: readonly Chunk[];
}

/** What is known of a part that is done. */
export interface PartFacts {
  /** Why it cannot be a part of a whole without a seam; null when it can. */
  readonly uncuttable: string | null;
  /** Hashes of the frames around its ends, as its neighbours see them too; empty where the film begins or ends. */
  readonly hashes: { readonly start: readonly string[]; readonly end: readonly string[] };
  readonly renditions: readonly PartRendition[];
}

export interface PartRendition {
  readonly id: string;
  /** Initialisation part, base64. */
  readonly init: string;
  /** Of a file of its own, but with the times of the film. */
  readonly track: MeasuredTrack;
  /** In order, all media of the file. */
  readonly objects: readonly WorkObject[];
}

/** A stored object and where its bytes lie in the part's file. */
export interface WorkObject extends Digests {
  readonly key: string;
  readonly offset: number;
}

export interface Place {
  readonly assetId: string;
  /** Without uploaded text. */
  readonly base: string;
  /** Where the media are published. */
  readonly version: string;
}

export type WorkPlace = Omit<Place, 'version'>;

export type Part = EncodeChunkPayload['part'];

export const partName = (part: Part): string => (part === 'sound' ? part : `chunk-${String(part).padStart(5, '0')}`);

export class WorkDamagedError extends Error {
  constructor(key: string) {
    super(`${key} is not what was stored`);
    this.name = 'WorkDamagedError';
  }
}

const digestChars = 64;
const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');

type Store = Pick<ObjectStore, 'get' | 'put'>;

async function read<T>(store: Store, key: string, signal: AbortSignal): Promise<T | null> {
  const object = await store.get(key, { signal });
  if (!object) return null;
  const content = await text(object.body);
  const json = content.slice(digestChars + 1);
  if (sha256(json) !== content.slice(0, digestChars)) throw new WorkDamagedError(key);
  return JSON.parse(json);
}

async function write(store: Store, key: string, value: unknown, signal: AbortSignal): Promise<void> {
  const json = JSON.stringify(value);
  await store.put(key, Buffer.from(`${sha256(json)}\n${json}`), { signal });
}

const keyOf = ({ assetId, base }: WorkPlace, name: string): string => storeKeys.work(assetId, base, `${name}.json`);

export const readPlan = (store: Store, place: WorkPlace, signal: AbortSignal): Promise<WorkPlan | null> =>
  read(store, keyOf(place, 'plan'), signal);
export const writePlan = (store: Store, place: WorkPlace, plan: WorkPlan, signal: AbortSignal): Promise<void> =>
  write(store, keyOf(place, 'plan'), plan, signal);
export const readFacts = (store: Store, place: WorkPlace, part: Part, signal: AbortSignal): Promise<PartFacts | null> =>
  read(store, keyOf(place, partName(part)), signal);
export const writeFacts = (
  store: Store,
  place: WorkPlace,
  part: Part,
  facts: PartFacts,
  signal: AbortSignal,
): Promise<void> => write(store, keyOf(place, partName(part)), facts, signal);

/** Removes all that was made of a version that will not be; of one that was committed, only what is left of the work. */
export async function discardVersion(
  store: Pick<ObjectStore, 'head' | 'deletePrefix'>,
  { assetId, base, version }: Place,
): Promise<void> {
  await store.deletePrefix(storeKeys.workPrefix(assetId, base));
  if (await store.head(storeKeys.manifest(assetId, version))) return;
  await store.deletePrefix(storeKeys.mediaPrefix(assetId, version));
}
