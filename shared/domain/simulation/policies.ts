/** The policies by the names that the command line knows. */
import { makeBelady } from './policies/belady.ts';
import { makeLfu } from './policies/lfu.ts';
import { makeLrfu } from './policies/lrfu.ts';
import { makeLru } from './policies/lru.ts';
import { makeNightfill } from './policies/nightfill.ts';
import { makePushOracle, makePushPast } from './policies/push.ts';
import { makeS3Fifo } from './policies/s3fifo.ts';
import { makeSieve } from './policies/sieve.ts';
import { makeWTinyLfu } from './policies/wtinylfu.ts';
import type { PolicyFactory } from './policy.ts';

export const policies = {
  lru: makeLru,
  lfu: makeLfu,
  lrfu: makeLrfu(1),
  s3fifo: makeS3Fifo,
  sieve: makeSieve,
  wtinylfu: makeWTinyLfu,
  belady: makeBelady,
  'push-yesterday': makePushPast(1),
  'push-mean7': makePushPast(7),
  'push-oracle': makePushOracle,
  nightfill: makeNightfill,
} as const satisfies Readonly<Record<string, PolicyFactory>>;

export type PolicyName = keyof typeof policies;
export const policyNames = Object.keys(policies) as readonly PolicyName[];
