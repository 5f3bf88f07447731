/**
 * What the fill workers of one region share: its rate, its bytes of a night, and whose turn it is.
 *
 * Promised: what was granted to anybody counts for everybody, at once and after any process was killed. Bytes of a night
 * are set aside before they are sent: a worker that dies keeps what it had set aside counted, and a loss of all live
 * state counts at most one block too many (never too few), because blocks are written to durable storage before they are
 * handed out. While the live state is away every call rejects; nothing is granted then.
 */
export interface NightShare {
  /** Enters bytes into the region's timetable of sending; returns after how many milliseconds they may leave. */
  enterRate(regionId: string, bytes: number, rateBps: number): Promise<number>;

  /** Sets bytes of the night aside; false when that many are not left of `limitBytes`. */
  reserve(night: Night, bytes: number): Promise<boolean>;
  /** Gives back what was set aside and did not leave. */
  giveBack(night: Night, bytes: number): Promise<void>;
  /** What is set aside or spent is at least so much: earlier fills of the date say so. */
  raiseSpent(night: Night, atLeastBytes: number): Promise<void>;

  /** Bytes left on behalf of a fill. */
  countSent(fillId: string, bytes: number): Promise<void>;
  /** All that left on behalf of a fill by all workers; at least `atLeastBytes`, which survives a loss of live state. */
  sentBytes(fillId: string, atLeastBytes: number): Promise<number>;

  /** Waits until no other fill of the region runs anywhere; the returned function lets the next one run. */
  takeTurn(regionId: string, signal: AbortSignal): Promise<() => Promise<void>>;
}

/** One night of one region; all fills of the date share its bytes. */
export interface Night {
  readonly regionId: string;
  /** The day that it prepares. */
  readonly date: string;
  readonly limitBytes: number;
}
