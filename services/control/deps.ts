import type { Logger } from '../../shared/platform/logger.ts';
import type { Metrics } from '../../shared/platform/metrics.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { DemandLog } from '../../shared/ports/demand-log.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import type { Fleet } from '../../shared/ports/fleet.ts';
import type { JobQueue } from '../../shared/ports/job-queue.ts';
import type { ContentSecret } from '../../shared/tokens/content-keys.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import type { ReadInventory } from './fleet/inventory.ts';
import type { RevocationDeps } from './fleet/revocations.ts';

export interface ControlSettings {
  readonly fleetSecret: string;
  readonly apiKey: string;
  /** The first signs; all are accepted. Never empty. */
  readonly signingKeys: readonly SigningKey[];
  /** The first is for what is made now; empty where nothing is encrypted. */
  readonly contentSecrets: readonly ContentSecret[];
  /** Empty: the first region by id. */
  readonly defaultRegion: string;
  readonly playbackTtlMs: number;
  readonly planLeadMs: number;
  readonly trustProxy: readonly string[];
}

/** All that control is made of; `main.ts` wires it, tests wire it with the same adapters. */
export interface ControlDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly catalogue: Catalogue;
  readonly documents: Documents;
  readonly demandLog: DemandLog;
  readonly jobs: JobQueue;
  readonly readInventory: ReadInventory;
  readonly nudge: RevocationDeps['nudge'];
  /** What must work before control is ready, by name; a check throws what is wrong. */
  readonly checks: Readonly<Record<string, () => Promise<void>>>;
  readonly settings: ControlSettings;
}
