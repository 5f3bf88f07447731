/**
 * The greedy choice: through all candidates from the most to the least valuable, taking what fits.
 *
 * Files are small beside disks and budgets, so value per byte in falling order is near the best there is (the fractional
 * knapsack's argument). Invariants: an appliance never plans more than it may hold; the region never fetches more than its budget; once
 * a held file found no room, nothing of less worth is fetched to its appliance.
 */
import type { PlannedFile, PlanReason } from '../fill.ts';
import type { Candidate } from './candidates.ts';

export interface Room {
  readonly applianceId: string;
  readonly usableBytes: number;
}

export interface Chosen {
  readonly keep: PlannedFile[];
  readonly fetch: PlannedFile[];
}

export interface LeftOut {
  readonly assetId: string;
  readonly file: PlannedFile;
  readonly reason: PlanReason;
}

export interface Choice {
  readonly appliances: ReadonlyMap<string, Chosen>;
  readonly leftOut: readonly LeftOut[];
}

interface Shelf extends Chosen {
  readonly usableBytes: number;
  usedBytes: number;
  keptBytes: number;
  squeezed: boolean;
}

/** @param candidates by falling rank. */
export function chooseFiles(candidates: readonly Candidate[], rooms: readonly Room[], budgetBytes: number): Choice {
  const shelves = new Map<string, Shelf>(
    rooms.map(({ applianceId, usableBytes }) => [
      applianceId,
      { keep: [], fetch: [], usableBytes, usedBytes: 0, keptBytes: 0, squeezed: false },
    ]),
  );
  const leftOut: LeftOut[] = [];
  let leftBytes = budgetBytes;

  for (const { assetId, applianceId, held, files } of candidates) {
    const shelf = shelves.get(applianceId);
    if (!shelf) continue;
    const leave = (file: PlannedFile, reason: PlanReason): void => {
      leftOut.push({ assetId, file: plain(file), reason });
    };
    if (held) {
      for (const file of files) if (!keep(shelf, file)) leave(file, 'over-capacity');
      continue;
    }
    const hindrance = refusal(shelf, leastUsefulBytes(files), leftBytes);
    for (const file of files) {
      const reason = hindrance ?? refusal(shelf, file.sizeBytes, leftBytes);
      if (reason) {
        leave(file, reason);
        continue;
      }
      shelf.fetch.push(plain(file));
      shelf.usedBytes += file.sizeBytes;
      leftBytes -= file.sizeBytes;
    }
  }
  return { appliances: shelves, leftOut };
}

/** Without its playlists and init segments no media can be played, and they alone play nothing. */
function leastUsefulBytes(files: Candidate['files']): number {
  const baseBytes = files.reduce((sum, file) => sum + (file.base ? file.sizeBytes : 0), 0);
  const media = files.filter(({ base }) => !base).map(({ sizeBytes }) => sizeBytes);
  return baseBytes + media.reduce((least, size) => Math.min(least, size), media[0] ?? 0);
}

function keep(shelf: Shelf, file: PlannedFile): boolean {
  if (shelf.usedBytes + file.sizeBytes > shelf.usableBytes) {
    shelf.squeezed = true;
    return false;
  }
  shelf.keep.push(plain(file));
  shelf.usedBytes += file.sizeBytes;
  shelf.keptBytes += file.sizeBytes;
  return true;
}

function refusal(shelf: Shelf, sizeBytes: number, leftBytes: number): PlanReason | null {
  if (shelf.squeezed) return 'worth-less-than-held';
  if (shelf.usedBytes + sizeBytes > shelf.usableBytes) {
    return shelf.usedBytes - shelf.keptBytes + sizeBytes <= shelf.usableBytes
      ? 'worth-less-than-held'
      : 'over-capacity';
  }
  return sizeBytes > leftBytes ? 'over-night-budget' : null;
}

const plain = ({
  key,
  assetId,
  rendition,
  sizeBytes,
  sha256,
  expectedBytes,
  value,
  reason,
}: PlannedFile): PlannedFile => ({
  key,
  assetId,
  rendition,
  sizeBytes,
  sha256,
  expectedBytes,
  value,
  reason,
});
