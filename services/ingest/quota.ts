import { Problem } from '../../shared/platform/problem.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';

/** What one installation takes; there is one API key, so its quota is that of the installation. */
export interface Quota {
  /**
   * Asks for room for one more upload of so many bytes (0: not announced).
   *
   * @throws Problem `too-many-requests` or `quota-exceeded`.
   */
  admit(announcedBytes: number): Promise<void>;
  /** Counts an upload that a request carries, until the returned function is called. */
  enter(): () => void;
  /** @throws Problem `too-long` */
  checkDuration(durationS: number): void;
}

export interface QuotaDependencies {
  readonly catalogue: Pick<Catalogue, 'list'>;
  readonly maxDurationMs: number;
  readonly maxOpenUploads: number;
  /** 0: no limit. */
  readonly quotaBytes: number;
  /** Uploads that are under way besides those that `enter` counts. */
  readonly openElsewhere: () => Promise<number>;
  readonly clock: Pick<Clock, 'now'>;
}

const rememberedMs = 5_000;
const retryAfterS = 10;

export function makeQuota(dependencies: QuotaDependencies): Quota {
  const { catalogue, maxDurationMs, maxOpenUploads, quotaBytes, openElsewhere, clock } = dependencies;
  let entered = 0;
  let used = { bytes: 0, at: Number.NEGATIVE_INFINITY };

  /** Bytes of all uploads whose assets were not deleted. */
  async function usedBytes(): Promise<number> {
    if (clock.now() - used.at < rememberedMs) return used.bytes;
    let bytes = 0;
    let after: string | null = null;
    do {
      const page: Awaited<ReturnType<Catalogue['list']>> = await catalogue.list({
        limit: 500,
        ...(after ? { after } : {}),
      });
      for (const { state, source } of page.items) if (state !== 'deleted') bytes += source.sizeBytes;
      after = page.next;
    } while (after);
    used = { bytes, at: clock.now() };
    return bytes;
  }

  return {
    async admit(announcedBytes) {
      if (entered + (await openElsewhere()) >= maxOpenUploads)
        throw new Problem(
          'too-many-requests',
          `${maxOpenUploads} uploads are under way, which is the limit (NIGHTFILL_MAX_OPEN_UPLOADS). Finish or delete some, or try again later.`,
          { headers: { 'retry-after': String(retryAfterS) } },
        );
      if (quotaBytes === 0) return;
      const bytes = await usedBytes();
      if (bytes + announcedBytes > quotaBytes)
        throw new Problem(
          'quota-exceeded',
          `Uploads take ${bytes} of ${quotaBytes} bytes (NIGHTFILL_UPLOAD_QUOTA), and this one ${announcedBytes || 'an unknown number'} more. Delete assets, or raise the quota.`,
        );
      // Counted at once, so that uploads begun side by side cannot all pass on the same reading.
      used = { ...used, bytes: bytes + announcedBytes };
    },
    enter() {
      entered += 1;
      let left = false;
      return () => {
        if (!left) entered -= 1;
        left = true;
      };
    },
    checkDuration(durationS) {
      if (durationS * 1_000 > maxDurationMs)
        throw new Problem(
          'too-long',
          `The video lasts ${Math.round(durationS)} s; at most ${Math.round(maxDurationMs / 1_000)} s are taken (NIGHTFILL_MAX_DURATION). Cut it, or raise the limit.`,
        );
    },
  };
}
