/**
 * Daily demand of many assets: 14 bytes for each asset and day that had any, where an object would take a hundred. A
 * region of a million titles over eight weeks fits in a gigabyte.
 *
 * Rows may come in any order and of one asset and day in any number; those of one asset that follow each other, as a log
 * has them, are summed as they come. An asset's cells lie in blocks of eight, so that its past is read nearly in one go.
 */
import type { DailyDemand } from '../demand.ts';
import { dayNumber } from '../time/local-time.ts';
import { chunkSize, makeColumn } from './column.ts';

const blockBits = 3;
const blockCells = 1 << blockBits;
const lastDayOfAll = 2 ** 16 - 1;

export interface DemandTable {
  /** @throws RangeError for a negative or non-finite number and for what is no date from 1970 on, naming the row. */
  add(row: DailyDemand): void;
  /** In the order of their first rows. */
  readonly assetIds: readonly string[];
  /** Days since 1970-01-01 of which there is any row, empty ones included; in no order. */
  readonly days: ReadonlySet<number>;
  /** Share of a day that was reported, where a part is missing: what is read as history is made whole by it. */
  readonly reported: Map<number, number>;
  /** Calls `visit` with each cell of an asset, by its place in `assetIds`. Cells of one day may come apart and in any order. */
  visit(asset: number, visit: (day: number, bytes: number, views: number) => void): void;
}

export function makeDemandTable(): DemandTable {
  const assetIds: string[] = [];
  const numbers = new Map<string, number>();
  const dayNumbers = new Set<number>();
  const columns = { days: makeColumn(Uint16Array), bytes: makeColumn(Float64Array), views: makeColumn(Float32Array) };
  /** By asset: its first block, its cell that was added last, and how many it has. */
  const firstBlock = makeColumn(Uint32Array);
  const latest = makeColumn(Uint32Array);
  const counts = makeColumn(Uint32Array);
  /** By block: the asset's next one. */
  const nextBlock = makeColumn(Uint32Array);
  let blocks = 0;
  let lastDate = '';
  let lastDay = 0;
  let lastAsset = 0;

  const addBlock = (): number => {
    columns.days.extend(blockCells);
    columns.bytes.extend(blockCells);
    columns.views.extend(blockCells);
    nextBlock.extend(1);
    blocks += 1;
    return blocks - 1;
  };
  const addAsset = (assetId: string): number => {
    const asset = assetIds.push(assetId) - 1;
    numbers.set(assetId, asset);
    firstBlock.extend(1);
    latest.extend(1);
    counts.extend(1);
    firstBlock.set(asset, addBlock());
    return asset;
  };
  /** A log has its assets in the same order day by day, so the next one is mostly the one that followed before. */
  const find = (assetId: string): number | undefined => {
    if (assetIds[lastAsset] === assetId) return lastAsset;
    return assetIds[lastAsset + 1] === assetId ? lastAsset + 1 : numbers.get(assetId);
  };
  const addCell = (asset: number): number => {
    const count = counts.at(asset);
    counts.set(asset, count + 1);
    if (count === 0) return firstBlock.at(asset) << blockBits;
    const before = latest.at(asset);
    if (count % blockCells > 0) return before + 1;
    const block = addBlock();
    nextBlock.set(before >>> blockBits, block);
    return block << blockBits;
  };

  return {
    assetIds,
    days: dayNumbers,
    reported: new Map(),
    add(row) {
      check(row);
      if (row.date !== lastDate) {
        lastDay = dayNumber(row.date);
        if (lastDay < 0 || lastDay > lastDayOfAll)
          throw new RangeError(`demand of ${row.assetId} on ${row.date}: too far`);
        lastDate = row.date;
        dayNumbers.add(lastDay);
      }
      const asset = find(row.assetId) ?? addAsset(row.assetId);
      lastAsset = asset;
      let cell = latest.at(asset);
      if (counts.at(asset) === 0 || columns.days.at(cell) !== lastDay) {
        cell = addCell(asset);
        latest.set(asset, cell);
        columns.days.set(cell, lastDay);
      }
      columns.bytes.set(cell, columns.bytes.at(cell) + row.bytes);
      columns.views.set(cell, columns.views.at(cell) + row.views);
    },
    visit(asset, visit) {
      let left = counts.at(asset);
      for (let block = firstBlock.at(asset); left > 0; block = nextBlock.at(block)) {
        // A block lies within one chunk, because a chunk's size is a multiple of a block's.
        const cell = block << blockBits;
        const days = columns.days.chunkAt(cell);
        const bytes = columns.bytes.chunkAt(cell);
        const views = columns.views.chunkAt(cell);
        const from = cell % chunkSize;
        const until = from + Math.min(left, blockCells);
        for (let at = from; at < until; at += 1) visit(days[at] ?? 0, bytes[at] ?? 0, views[at] ?? 0);
        left -= blockCells;
      }
    },
  };
}

/** A table of rows that are at hand. */
export function demandTableOf(rows: Iterable<DailyDemand>): DemandTable {
  const table = makeDemandTable();
  for (const row of rows) table.add(row);
  return table;
}

function check({ assetId, date, bytes, views }: DailyDemand): void {
  if (!Number.isFinite(bytes) || bytes < 0) throw new RangeError(`demand of ${assetId} on ${date}: ${bytes} bytes`);
  if (!Number.isFinite(views) || views < 0) throw new RangeError(`demand of ${assetId} on ${date}: ${views} views`);
}
