/**
 * What every forecast model is: for one asset it is told day after day what was watched, and says what the next one
 * brings. It keeps constant space for each asset, knows no clock, and learns only from what it was told.
 */
export interface Day {
  /** Days since 1970-01-01: gaps are days on which nothing is known. */
  readonly number: number;
  /** 0 … 6. */
  readonly weekday: number;
  /** How busy the region is on this weekday, around 1. */
  readonly factor: number;
  /** Bytes of the whole region on this day, to be looked at when the day is over; 0 of a day to come. */
  readonly level: number;
  /** The same as it was expected the evening before. */
  readonly expectedLevel: number;
}

export interface Track {
  /** Bytes of a later day; finite and ≥ 0. Asked only after the first `observe`. */
  expect(day: Day): number;
  /** Days come in order; from the asset's first day on, those without demand are told too. */
  observe(day: Day, bytes: number): void;
}

export interface Model {
  /** With a version, which changes whenever the same history would give other numbers. */
  readonly name: string;
  /** Begins with an asset's first day. */
  begin(): Track;
}
