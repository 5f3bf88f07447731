import { LRUCache } from 'lru-cache';
import type { ManifestEncryption } from '../../../shared/domain/encryption.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Documents } from '../../../shared/ports/documents.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import { type ContentSecret, contentKeysOf } from '../../../shared/tokens/content-keys.ts';

export interface ContentKeysDeps {
  readonly documents: Pick<Documents, 'getManifest'>;
  readonly fleet: Pick<Fleet, 'listAppliances'>;
  readonly contentSecrets: readonly ContentSecret[];
}

export interface ContentKeysRequest {
  readonly applianceId: string;
  readonly assetId: string;
  readonly version: string;
}

export interface ContentKeysAnswer {
  /** `id` in hex as in the manifest, `key` in base64url. */
  readonly keys: readonly { readonly id: string; readonly key: string }[];
}

interface Encrypted {
  readonly encryption: ManifestEncryption | null;
  /** The version whose media these are. */
  readonly madeFor: string;
}

export type GetContentKeys = (request: ContentKeysRequest) => Promise<ContentKeysAnswer>;

/** Long enough for a premiere, short enough for a deletion. */
const rememberedMs = 60_000;

/**
 * Gives an appliance the keys of one version: as long as the version is there, and as long as the appliance may serve,
 * so that one which was stolen can be shut out by disabling it.
 */
export function makeGetContentKeys({ documents, fleet, contentSecrets }: ContentKeysDeps): GetContentKeys {
  const remembered = new LRUCache<string, Encrypted>({
    max: 10_000,
    ttl: rememberedMs,
  });

  return async ({ applianceId, assetId, version }) => {
    const appliance = (await fleet.listAppliances()).find(({ id }) => id === applianceId);
    if (!appliance || appliance.mode === 'disabled')
      throw new Problem('forbidden', `Appliance ${applianceId} may not serve; enable it to give it keys.`);
    const { encryption, madeFor } = (await encryptionOf(assetId, version)) ?? {};
    if (!encryption || !madeFor)
      throw new Problem('not-found', `There is no encrypted version ${version} of asset ${assetId}.`);
    const keys = contentKeysOf(contentSecrets, { assetId, version: madeFor }, encryption);
    if (!keys)
      throw new Problem(
        'keys-unavailable',
        `Version ${version} of asset ${assetId} was made with the content secret ${encryption.secretId}, which is not in NIGHTFILL_CONTENT_SECRET; put it there again.`,
      );
    return { keys: keys.map(({ id, key }) => ({ id, key: key.toString('base64url') })) };
  };

  async function encryptionOf(assetId: string, version: string): Promise<Encrypted | null> {
    const name = `${assetId}/${version}`;
    const known = remembered.get(name);
    if (known) return known;
    const manifest = await documents.getManifest(assetId, version);
    if (!manifest) return null;
    const found = { encryption: manifest.encryption ?? null, madeFor: manifest.base ?? version };
    remembered.set(name, found);
    return found;
  }
}
