/** The region of a replay: on UTC, filled every night, with no limit but the disk. */
import type { Region } from '../fleet.ts';

const noLimit = 1e18;

export const replayedRegion: Region = {
  id: 'replayed',
  name: 'replayed',
  timeZone: 'UTC',
  window: { start: '00:00', end: '06:00' },
  budget: { bytesPerNight: noLimit, rateBps: noLimit },
  topUp: { bytesPerDay: noLimit, rateBps: noLimit },
  coverage: { networks: [], location: null },
  fillEnabled: true,
  createdAt: '1970-01-01T00:00:00.000Z',
  updatedAt: '1970-01-01T00:00:00.000Z',
};
