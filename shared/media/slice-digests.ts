import { createHash } from 'node:crypto';
import { sliceSizeBytes } from '../domain/manifest.ts';

export interface SliceDigests {
  update(chunk: Uint8Array): void;
  /** In order, lower-case hex; none where nothing came. */
  end(): string[];
}

/** SHA-256 of each slice, as a manifest wants them. */
export function startSliceDigests(): SliceDigests {
  const slices: string[] = [];
  let slice = createHash('sha256');
  let inSlice = 0;
  const endSlice = (): void => {
    slices.push(slice.digest('hex'));
    slice = createHash('sha256');
    inSlice = 0;
  };
  return {
    update(chunk) {
      for (let rest = chunk; rest.length > 0; ) {
        const part = rest.subarray(0, sliceSizeBytes - inSlice);
        slice.update(part);
        inSlice += part.length;
        rest = rest.subarray(part.length);
        if (inSlice === sliceSizeBytes) endSlice();
      }
    },
    end() {
      if (inSlice > 0) endSlice();
      return slices;
    },
  };
}
