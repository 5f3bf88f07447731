import type { JobName, JobPayloads, JobResults } from '../jobs/map.ts';

/**
 * Work that outlives a process. Ids are meaningful (`jobs/map.ts`), so enqueuing the same work twice is one job.
 *
 * Promised: a job whose worker dies is taken up by another after its lock runs out; a handler may therefore run more
 * than once and must be idempotent. A handler that throws is retried by the map's policy unless the error is
 * `UnrecoverableJobError`. Jobs outlive a restart of Redis with persistence.
 */
export interface JobQueue {
  /** Adds a job; where one of the same id waits, runs or is kept, that one is returned. */
  add<N extends JobName>(name: N, payload: JobPayloads[N], options?: AddJobOptions): Promise<JobView<N>>;

  get<N extends JobName>(name: N, id: string): Promise<JobView<N> | null>;

  /** Resolves with the finished job, or with its present state after `timeoutMs`. Null when there is no such job. */
  waitFor<N extends JobName>(name: N, id: string, timeoutMs: number): Promise<JobView<N> | null>;

  /**
   * Removes a job that waits or has ended; asks a running one to stop through its signal. The next run of a schedule
   * stays, and fails as `cancelled` when it comes. The children that a job waits for are cancelled with it.
   */
  cancel<N extends JobName>(name: N, id: string): Promise<void>;

  /** Jobs that workers are at, and those whose worker died a moment ago and that no other has taken up yet. */
  active<N extends JobName>(name: N): Promise<readonly JobView<N>[]>;

  /** Children of a job that have not ended. */
  pendingChildren(name: JobName, id: string): Promise<readonly JobRef[]>;

  /** Creates or changes a schedule; the job's payload is `payload`, its id the scheduler's own. */
  putSchedule<N extends JobName>(id: string, schedule: JobSchedule, name: N, payload: JobPayloads[N]): Promise<void>;
  removeSchedule(name: JobName, id: string): Promise<void>;
  listSchedules(name: JobName): Promise<readonly ScheduleView[]>;

  /** Starts handling jobs of one name. */
  work<N extends JobName>(name: N, handler: JobHandler<N>, options?: WorkOptions): Promise<JobWorker>;

  counts(name: JobName): Promise<JobCounts>;

  /** Closes its workers without grace, then its connections. */
  close(): Promise<void>;
}

export interface AddJobOptions {
  readonly delayMs?: number;
  /** Replace a job of the same id that has ended; one that waits or runs is returned as it is. */
  readonly replaceEnded?: boolean;
  /**
   * Makes it a child of a job that is there, usually the running one that adds it. A job cannot complete before its
   * children ended; a child that fails for good does not fail its parent, who looks at it.
   */
  readonly parent?: JobRef;
}

export interface JobRef {
  readonly name: JobName;
  readonly id: string;
}

export interface JobSchedule {
  /** Cron, five fields, on the clock of `timeZone`. */
  readonly pattern: string;
  readonly timeZone: string;
}

export interface ScheduleView extends JobSchedule {
  readonly id: string;
  readonly nextAt: string | null;
}

export type JobState = 'waiting' | 'delayed' | 'active' | 'completed' | 'failed';

export interface JobView<N extends JobName = JobName> {
  readonly id: string;
  readonly name: N;
  readonly state: JobState;
  readonly payload: JobPayloads[N];
  readonly result: JobResults[N] | null;
  /** Message of the last failure. */
  readonly failure: string | null;
  /** Attempts begun. */
  readonly attempts: number;
}

export interface JobContext<N extends JobName> {
  readonly id: string;
  readonly payload: JobPayloads[N];
  /** From 1. */
  readonly attempt: number;
  /** True on the last attempt of the policy. */
  readonly lastAttempt: boolean;
  /** From 1; counts also what used up no attempt. Over 1, another run may have done a part of the work. */
  readonly begun: number;
  /**
   * Aborts with a `JobAbortedError`. A handler that throws after it does not use up an attempt: a cancelled job fails
   * for good, one whose worker closes waits again, one whose lock was lost belongs to another worker.
   */
  readonly signal: AbortSignal;
  progress(value: number): Promise<void>;
  /**
   * Has other jobs done first, by whichever workers are free. The first call adds them and throws `JobWaitsError`,
   * which the handler lets pass: the run is over and holds no worker. The handler is called again, in the same attempt,
   * when all of them have completed or one has failed for good; the same call then resolves with how they stand, in
   * order. On a later attempt what is completed stays so. A handler that gives up on the others cancels them itself.
   */
  children<C extends JobName>(name: C, payloads: readonly JobPayloads[C][]): Promise<readonly JobView<C>[]>;
}

export type JobHandler<N extends JobName> = (job: JobContext<N>) => Promise<JobResults[N]>;

export interface WorkOptions {
  /** Jobs at once in this process, 1 by default. */
  readonly concurrency?: number;
}

export interface JobWorker {
  /**
   * Takes no more jobs, aborts the signals of running ones with `worker-closing` after `graceMs` (10,000 by default),
   * and waits for them.
   */
  close(graceMs?: number): Promise<void>;
}

export interface JobCounts {
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly failed: number;
}

export type JobAbortCode = 'cancelled' | 'lock-lost' | 'worker-closing';

/** Reason of a job's aborted signal. */
export class JobAbortedError extends Error {
  readonly code: JobAbortCode;

  constructor(code: JobAbortCode) {
    super(code);
    this.name = 'JobAbortedError';
    this.code = code;
  }
}

/** Thrown by `children`, and to be passed on: the job waits for them. */
export class JobWaitsError extends Error {
  constructor() {
    super('the job waits for its children');
    this.name = 'JobWaitsError';
  }
}

/** Thrown by a handler: trying again cannot help. */
export class UnrecoverableJobError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnrecoverableJobError';
  }
}
