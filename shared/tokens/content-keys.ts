/**
 * Keys that media are encrypted with, derived from a secret of the installation: nothing to store or to lose but the
 * secret, and a transcode that is taken up again lands on the same bytes.
 *
 * Control and the transcode worker hold content secrets; appliances ask control for the keys of what they serve.
 */
import { createHash, createHmac, hkdfSync } from 'node:crypto';
import type { ContentKeyName, ManifestEncryption } from '../domain/encryption.ts';
import type { ObjectKey } from '../domain/keys.ts';

export interface ContentSecret {
  /** Names the secret in manifests; tells nothing about it. */
  readonly id: string;
  readonly secret: string;
}

export interface ContentKey extends ContentKeyName {
  /** 16 bytes each. */
  readonly key: Buffer;
  readonly iv: Buffer;
}

const minSecretLength = 32;

/**
 * Reads `NIGHTFILL_CONTENT_SECRET`: secrets with commas between them, of which the first is for what is made now, and the
 * others for what was made by them. Empty where nothing is to be encrypted.
 *
 * @throws Error that says what is wrong; it never repeats a secret.
 */
export function parseContentSecrets(text: string): ContentSecret[] {
  const secrets = text === '' ? [] : text.split(',').map((secret) => secret.trim());
  if (secrets.some(({ length }) => length < minSecretLength))
    throw new Error(
      `NIGHTFILL_CONTENT_SECRET must be secrets of at least ${minSecretLength} characters, divided by commas`,
    );
  return secrets.map((secret) => ({ id: idOf(secret), secret }));
}

const idOf = (secret: string): string =>
  createHmac('sha256', secret).update('nightfill content secret').digest('hex').slice(0, 16);

/** The version that the media were made for: of one with other text beside the same media, its `base`. */
type VersionName = Pick<ObjectKey, 'assetId' | 'version'>;

/** The key of one kind of rendition (RFC 5869), with the constant initialisation vector that goes with it. */
export function contentKeyOf(
  { secret }: ContentSecret,
  { assetId, version }: VersionName,
  kind: ContentKeyName['kind'],
): ContentKey {
  const name = `nightfill content key ${assetId} ${version} ${kind}`;
  const bytes = Buffer.from(hkdfSync('sha256', secret, '', name, 32));
  const id = createHash('sha256').update(name).digest('hex').slice(0, 32);
  return { id, kind, key: bytes.subarray(0, 16), iv: bytes.subarray(16) };
}

/** The keys that a manifest names; null when the secret that they come from is not among these. */
export function contentKeysOf(
  secrets: readonly ContentSecret[],
  name: VersionName,
  { secretId, keys }: ManifestEncryption,
): ContentKey[] | null {
  const secret = secrets.find(({ id }) => id === secretId);
  return secret ? keys.map(({ kind }) => contentKeyOf(secret, name, kind)) : null;
}
