/**
 * How the media of a version are encrypted, and where its keys are asked for.
 *
 * - `aes-128`: whole segments (RFC 8216 §4.3.2.4), which HLS players decrypt themselves, without a key system.
 * - `cbcs`: samples (ISO/IEC 23001-7), which browsers decrypt by Encrypted Media Extensions.
 *
 * Keys are in no document: they are derived from a secret that control and the transcode worker hold (shared/tokens).
 */

export const encryptions = ['none', 'aes-128', 'cbcs'] as const;
export type Encryption = (typeof encryptions)[number];
export type EncryptionScheme = Exclude<Encryption, 'none'>;

/** Part of the manifest of an encrypted version; nothing in it is secret. */
export interface ManifestEncryption {
  readonly scheme: EncryptionScheme;
  /** Which of the installation's content secrets its keys come from. */
  readonly secretId: string;
  /** One key for each kind of rendition. */
  readonly keys: readonly ContentKeyName[];
}

export interface ContentKeyName {
  /** 32 hex digits: the key id (KID) in the media. */
  readonly id: string;
  readonly kind: 'video' | 'audio';
}

/** Below a version, beside its media: `keys/<id>` and, for CBCS, `keys/clearkey`. */
export const keysFolder = 'keys/';
export const keyPath = (id: string): string => `${keysFolder}${id}`;
/** Where ClearKey licences are asked for (W3C Encrypted Media Extensions §9.1). */
export const clearKeyPath = `${keysFolder}clearkey`;
