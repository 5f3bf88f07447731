/**
 * Taking in what a fill wants from another appliance of the region instead of pushing it: the bytes go from peer to peer
 * and are checked as pushed ones are. Only what the peer holds is taken; it pulls nothing for it.
 */
import type { Upstream } from '../../shared/domain/fleet.ts';
import { formatObjectKey, manifestName, type ObjectKey } from '../../shared/domain/keys.ts';
import { sliceSizeBytes } from '../../shared/domain/manifest.ts';
import { Problem } from '../../shared/platform/problem.ts';
import { bodyOf } from './fill-body.ts';
import type { FillObject } from './fill-object.ts';
import { PullError, type PullSource } from './upstream.ts';

export interface TakeRequest {
  readonly key: ObjectKey;
  /** Of the part, or of the whole where there is no `offset`. A part is at most a slice. */
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly offset?: number;
  readonly objectBytes?: number;
  readonly from: Pick<Upstream, 'applianceId' | 'url' | 'credential'>;
}

/** @throws Problem `not-held` or `upstream-failed` of the peer, and everything that `FillObject.put` throws. */
export type TakeObject = (request: TakeRequest) => Promise<'stored' | 'held'>;

export interface TakeDeps {
  readonly fillObject: FillObject;
  readonly sourceOf: (upstream: Upstream) => PullSource;
}

export const makeTakeObject =
  ({ fillObject, sourceOf }: TakeDeps): TakeObject =>
  async ({ key, sizeBytes, sha256, offset = 0, objectBytes, from }) => {
    const isManifest = key.path === manifestName;
    if (!isManifest && sizeBytes > sliceSizeBytes)
      throw new Problem('invalid-request', `At most ${sliceSizeBytes} bytes are taken at a time.`);
    const source = sourceOf({ kind: 'peer', weight: 1, ...from });

    /** Not read where everything is held already. */
    async function* body(): AsyncGenerator<Buffer> {
      const name = formatObjectKey(key);
      try {
        const whole = objectBytes === undefined;
        const request = { key: name, offset, sizeBytes, whole, loop: undefined };
        yield isManifest
          ? (await source.readWhole({ key: name, maxBytes: sizeBytes, loop: undefined })).bytes
          : await source.readPart(request);
      } catch (error) {
        if (!(error instanceof PullError)) throw error;
        const missing = error.code === 'not-held' || error.code === 'gone';
        throw new Problem(missing ? 'not-held' : 'upstream-failed', error.message);
      }
    }

    const range =
      objectBytes === undefined ? null : { start: offset, end: offset + sizeBytes - 1, sizeBytes: objectBytes };
    return fillObject.put({ key, body: bodyOf(body()), digest: sha256, range });
  };
