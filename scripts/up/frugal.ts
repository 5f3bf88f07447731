/**
 * The environment in which ingest stays below 200 MiB while large uploads go through it: network buffers are short-lived, and
 * by default V8 collects them, and glibc gives them back, only when there are many (`scripts/bench/ingest/memory.ts`).
 */
export const frugal = { NODE_OPTIONS: '--max-semi-space-size=1', MALLOC_ARENA_MAX: '2' } as const;
