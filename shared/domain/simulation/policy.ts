/**
 * What a cache policy promises to the replay.
 *
 * A policy never holds more bytes than its capacity, and never holds an object that is larger than that. It works on
 * object numbers and allocates nothing for a request: its state is in typed arrays made once.
 */
import type { FillLedger } from './fill-ledger.ts';
import type { Selection } from './trace.ts';

/** The object was not held, and is not held now. */
export const passed = 0;
/** It was not held, and was stored. */
export const stored = 1;
export const hit = 2;
export type Answer = typeof passed | typeof stored | typeof hit;

export interface Policy {
  /**
   * Answers one request of the region.
   *
   * @param position place in the trace: larger for every request.
   */
  request(object: number, timeS: number, position: number): Answer;
  /** Tells of a request in another region; a policy without it does not care. */
  observe?(object: number, timeS: number, region: number): void;
  /** Called at each whole multiple of `tickS` (Unix time) before the requests of that time and later. */
  readonly tick?: { readonly everyS: number; at(timeS: number): void };
}

export interface PolicyInput {
  readonly capacityBytes: number;
  /** Bytes of each object. */
  readonly sizes: Float64Array;
  /** The requests to come; for policies that are allowed to know them. */
  readonly selection: Selection;
  /** Told of everything that is stored without having been asked for. */
  readonly ledger: FillLedger;
}

export type PolicyFactory = (input: PolicyInput) => Policy;
