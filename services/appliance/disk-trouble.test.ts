import { describe, expect, it } from 'vitest';
import { makeMetrics } from '../../shared/platform/metrics.ts';
import { explainDisk, makeDiskTrouble } from './disk-trouble.ts';
import { makeVirtualClock } from './testing/virtual-clock.ts';

const failure = (code: string, syscall: string): Error =>
  Object.assign(new Error(`${code}: it failed, ${syscall}`), { code, syscall });

describe('a disk that fails', () => {
  it('is told of in the log once a while for each kind of failure, counted each time, and in the status until it is over', async () => {
    const clock = makeVirtualClock();
    const metrics = makeMetrics('test');
    const told: string[] = [];
    const logger = { error: ({ err }: { readonly err: Error }) => void told.push(err.message) };
    const trouble = makeDiskTrouble({ clock, logger, metrics });
    expect(trouble.current).toBeNull();
    for (let time = 0; time < 100; time += 1) {
      trouble.note(failure('EIO', 'read'));
      trouble.note(failure('EROFS', 'open'));
    }
    expect(told).toEqual(['EIO: it failed, read', 'EROFS: it failed, open']);
    expect(await metrics.text()).toMatch(/nightfill_disk_errors_total{code="EIO",service="test"} 100/);
    expect(trouble.current).toBe('its disk has become read-only');
    await clock.advance(31_000);
    trouble.note(failure('EIO', 'read'));
    expect(told).toHaveLength(3);
    await clock.advance(9 * 60_000);
    expect(trouble.current).toBe('its disk gives I/O errors');
    await clock.advance(60_000);
    expect(trouble.current).toBeNull();
    trouble.note(new Error('slice a#0 is damaged on disk and was dropped'));
    expect(trouble.current).toBe('slice a#0 is damaged on disk and was dropped');
  });

  it('ends a start with what to do; what is no fault of the disk stays as it is', () => {
    const explained = explainDisk('/srv/edge', failure('EROFS', 'open'));
    expect(explained).toMatchObject({
      message: expect.stringMatching(/cannot use \/srv\/edge: its disk has become read-only.*NIGHTFILL_APPLIANCE_DIR/),
    });
    const other = new Error('another process holds the folder');
    expect(explainDisk('/srv/edge', other)).toBe(other);
  });
});
