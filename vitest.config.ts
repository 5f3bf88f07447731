import { defineConfig } from 'vitest/config';

/**
 * `x.test.ts` needs nothing but Node; `x.int.test.ts` starts the real servers it needs on free ports.
 * Two workers, because the suite's own servers and ffmpeg share the machine with it.
 */
export default defineConfig({
  test: {
    include: ['{services,workers,shared,scripts}/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    reporters: ['default'],
  },
});
