/** Makes the initialisation segment of a protected track (ISO/IEC 14496-12 §8.12, ISO/IEC 23001-7 §8). */
import { type BoxAt, box, boxesAt, boxOf, fullBox, uint32 } from './box-bytes.ts';
import { videoPattern } from './cbcs.ts';
import {
  readSampleFormat,
  type SampleFormat,
  sampleDescriptionHeadBytes,
  sampleDescriptionPath,
} from './sample-format.ts';

export interface TrackProtection {
  /** Names the key; 16 bytes, not secret. */
  readonly keyId: Uint8Array;
  /** Of all tracks that play together: players that ask a licence once, for one of them, get what the others need too. */
  readonly licenceKeyIds: readonly Uint8Array[];
  /** 16 bytes. */
  readonly iv: Uint8Array;
}

/** W3C "cenc" Initialization Data Format: the system id that every key system understands. */
const commonSystemId = Buffer.from('1077efecc0b24d02ace33c1e52e2fb4b', 'hex');

/**
 * The same track with `encv` or `enca` in the place of its sample entry, and at the end of `moov` a `pssh` that names the
 * keys for whoever asks a licence by what the media says.
 */
export function protectInit(init: Buffer, protection: TrackProtection): Buffer {
  const format = readSampleFormat(init);
  const entry = protectEntry(init, format, protection);
  const parts = boxesAt(init).map((part) => {
    if (part.type !== 'moov') return init.subarray(part.start, part.end);
    const [head, ...inner] = sampleDescriptionPath;
    return box(head, replaceWithin(init, part, inner, entry), pssh(protection.licenceKeyIds));
  });
  return Buffer.concat(parts);
}

/** The bodies of nested boxes with the innermost's entry replaced. */
function replaceWithin(bytes: Buffer, outer: BoxAt, [type, ...inner]: readonly string[], entry: Buffer): Buffer {
  if (type === undefined) {
    return Buffer.concat([bytes.subarray(outer.body, outer.body + sampleDescriptionHeadBytes), entry]);
  }
  const children = boxesAt(bytes, outer.body, outer.end);
  const target = boxOf(children, type);
  return Buffer.concat(
    children.map((child) =>
      child === target
        ? box(child.type, replaceWithin(bytes, child, inner, entry))
        : bytes.subarray(child.start, child.end),
    ),
  );
}

function protectEntry(init: Buffer, { kind, entry }: SampleFormat, { keyId, iv }: TrackProtection): Buffer {
  const { crypt, skip } = kind === 'video' ? videoPattern : { crypt: 0, skip: 0 };
  const tenc = fullBox(
    'tenc',
    1,
    0,
    // Reserved, the pattern, protected, no vector of each sample's own.
    Buffer.from([0, (crypt << 4) | skip, 1, 0]),
    keyId,
    Buffer.from([iv.length]),
    iv,
  );
  const sinf = box(
    'sinf',
    box('frma', Buffer.from(entry.type, 'latin1')),
    fullBox('schm', 0, 0, Buffer.from('cbcs', 'latin1'), uint32(0x1_0000)),
    box('schi', tenc),
  );
  return box(kind === 'video' ? 'encv' : 'enca', init.subarray(entry.body, entry.end), sinf);
}

/** Version 1: key ids, and no data of the system's own (ISO/IEC 23001-7 §8.1). */
const pssh = (keyIds: readonly Uint8Array[]): Buffer =>
  fullBox('pssh', 1, 0, commonSystemId, uint32(keyIds.length), ...keyIds, uint32(0));
