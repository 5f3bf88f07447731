/** Bytes that the night may still bring into the region. Every byte that leaves counts, whether or not it arrives whole. */
export interface NightBudget {
  /** Sets so many bytes aside before they are sent; false when that many are not left. */
  reserve(bytes: number): boolean;
  /** Ends a reservation: what was not sent is free again, what was sent is spent. */
  settle(reservedBytes: number, sentBytes: number): void;
}

export function makeNightBudget(leftBytes: number): NightBudget {
  let left = leftBytes;
  return {
    reserve(bytes) {
      if (bytes > left) return false;
      left -= bytes;
      return true;
    },
    settle(reservedBytes, sentBytes) {
      left += reservedBytes - sentBytes;
    },
  };
}
