import type { Asset, AssetFailure, AssetState } from './asset.ts';

/** A new state, that a deletion was taken back, or that the beginning plays while the rest is being made. */
export type AssetEventKind = AssetState | 'restored' | 'playable';

/** What the outside is told when an asset comes into another state. */
export interface AssetEvent {
  /** The same for the same change, however often it is told. */
  readonly id: string;
  readonly type: `asset.${AssetEventKind}`;
  /** When the asset changed; events may arrive in another order. */
  readonly at: string;
  readonly asset: {
    readonly id: string;
    readonly title: string;
    readonly tags: readonly string[];
    readonly series: string | null;
    readonly premiereDate: string | null;
    readonly state: AssetState;
    readonly version: string | null;
    readonly durationS: number | null;
    readonly failure: AssetFailure | null;
  };
}

/** `kind` is what happened, by default that it came into its state. */
export function assetEventOf(asset: Asset, kind: AssetEventKind = asset.state): AssetEvent {
  const { id, title, tags, series = null, premiereDate = null, state, version, durationS, failure, updatedAt } = asset;
  return {
    id: `${id}-${kind}-${Date.parse(updatedAt)}`,
    type: `asset.${kind}`,
    at: updatedAt,
    asset: { id, title, tags, series, premiereDate, state, version, durationS, failure },
  };
}
