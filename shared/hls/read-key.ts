/** EXT-X-KEY and EXT-X-SESSION-KEY as they stand (RFC 8216 §4.3.2.4, §4.3.4.5). */

export interface RawKey {
  readonly method: string;
  readonly uri: string | null;
  readonly hasIv: boolean;
  readonly keyFormat: string;
  /** Whether KEYFORMAT or KEYFORMATVERSIONS are there, which need a version of their own (§7). */
  readonly saysFormat: boolean;
}

export function readKey(tag: string, attributes: ReadonlyMap<string, string>, mistake: (what: string) => void): RawKey {
  const method = attributes.get('METHOD') ?? '';
  const uri = attributes.get('URI') ?? null;
  const iv = attributes.get('IV');
  const versions = attributes.get('KEYFORMATVERSIONS');
  if (method === 'NONE' && attributes.size > 1) mistake(`${tag}: METHOD=NONE with other attributes`);
  if (method === 'NONE' && tag === 'EXT-X-SESSION-KEY') mistake('EXT-X-SESSION-KEY with METHOD=NONE');
  if (method !== 'NONE' && method !== '' && uri === null) mistake(`${tag} without URI`);
  if (iv !== undefined && !/^0[xX][0-9A-Fa-f]{1,32}$/.test(iv)) mistake(`${tag}: IV is no 128-bit hexadecimal number`);
  if (versions !== undefined && !/^\d+(\/\d+)*$/.test(versions)) mistake(`${tag}: KEYFORMATVERSIONS are no versions`);
  const keyFormat = attributes.get('KEYFORMAT');
  return {
    method,
    uri,
    hasIv: iv !== undefined,
    keyFormat: keyFormat ?? 'identity',
    saysFormat: keyFormat !== undefined || versions !== undefined,
  };
}

/** The keys in force after another tag: one for each format, none after METHOD=NONE. */
export const keysAfter = (keys: readonly RawKey[], key: RawKey): RawKey[] =>
  key.method === 'NONE' ? [] : [...keys.filter(({ keyFormat }) => keyFormat !== key.keyFormat), key];

/** Whether segments are encrypted as a whole, so that nothing of them can be read; samples leave boxes readable. */
export const isWhole = ({ method }: Pick<RawKey, 'method'>): boolean => !method.startsWith('SAMPLE-AES');
