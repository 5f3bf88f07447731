/**
 * What of a version can be played while the rest of it is encoded.
 *
 * A manifest in all that appliances work by, with the text of its playlists inside: those grow, so they are no files with a
 * digest that stays. Revisions are numbered by the chunks in them and each is written once under its own key, so that a
 * late writer takes nothing back; the highest counts. What a revision lists, every later one lists too, and the manifest,
 * whose presence ends them all, with the same digests.
 */
import type { Manifest } from './manifest.ts';

export interface GrowingVersion
  extends Pick<Manifest, 'schema' | 'assetId' | 'version' | 'sliceSizeBytes' | 'renditions' | 'files' | 'playlists'> {
  /** When this revision was written, ISO 8601, UTC. */
  readonly createdAt: string;
  readonly growing: Growing;
}

export interface Growing {
  /** From 1. */
  readonly revision: number;
  /** Of all playlists, from the first revision on. */
  readonly targetDurationS: number;
  /** Playlists by their paths, which are among the files. */
  readonly texts: Readonly<Record<string, string>>;
}

/** Where viewers may begin before a version is published. */
export interface EarlyPlayback {
  readonly version: string;
  /** The multivariant playlist, relative to the version; the published one's too. */
  readonly hls: string;
  /** From when on, ISO 8601, UTC. */
  readonly since: string;
}
