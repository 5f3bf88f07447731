/**
 * What is left to do of a plan, and who does what next: pure bookkeeping, without a clock and without I/O.
 *
 * A title that several appliances of a region want crosses into it once. Whoever is free first, and healthy, becomes its
 * fill master; the others wait for its files and take them from it. So a fast appliance is master of more titles than a
 * slow one. When a master cannot have a file, the next one that wants it becomes its master.
 */
import type { AppliancePlan, LentFile, PlannedFile } from '../../shared/domain/fill.ts';
import { manifestName } from '../../shared/domain/keys.ts';
import { chain, type Lines } from '../../shared/domain/planning/lines.ts';
import { countFiles } from '../../shared/domain/reporting/fill-report.ts';
import { isManifest, versionOf } from './planned-files.ts';

export interface WorkPiece {
  /** Places in the appliance's `fetch`. */
  readonly files: readonly number[];
  /** That hold all of them; empty: they cross into the region. */
  readonly peers: readonly string[];
}

export interface PlannedWork {
  /** The appliance is there and holds these; from now on it gets work. */
  begin(applianceId: string, heldKeys: ReadonlySet<string>, healthy: boolean): void;
  /** The appliance does not tell: what it is to have already is not waited for any longer. */
  doubt(applianceId: string): void;
  /** The next piece for an appliance; `wait` while others must go first, null when nothing is left for it. */
  next(applianceId: string): WorkPiece | 'wait' | null;
  /** Not done after all: comes again, in its place. */
  putBack(applianceId: string, files: readonly number[]): void;
  /** Lies there now, or will not. */
  settle(applianceId: string, file: number, held: boolean): void;
  /** Files that nobody has been sent for; they are forgotten here. */
  takeRest(applianceId: string): readonly number[];
  /** Bytes that are not settled. */
  openBytes(applianceId: string): number;
  /** Of a title that several appliances get, keep or lend. */
  isHeldInRegion(key: string): boolean;
}

interface Part {
  readonly fetch: Lines<PlannedFile>;
  todo: number[];
  /** By place: not settled, sent for or not. */
  readonly isOpen: Uint8Array;
  /** Their keys, of what others ask about: each `asset.json`, and titles that more than one appliance has to do with. */
  readonly open: Set<string>;
  openBytes: number;
  /** Of what others want, what the plan says is here already; empty once the appliance has told, or will not. */
  promised: ReadonlySet<string>;
  begun: boolean;
  healthy: boolean;
}

const none: ReadonlySet<string> = new Set();
/** Looked through for the next piece; what cannot go yet is seldom more. */
const lookAhead = 2_000;
const mostPeers = 2;

export function makePlannedWork(
  appliances: readonly (Pick<AppliancePlan, 'applianceId' | 'fetch'> & Partial<AppliancePlan>)[],
  limits: { readonly pieceBytes: number; readonly pieceFiles: number },
): PlannedWork {
  const isShared = sharedTitles(appliances);
  const parts = new Map<string, Part>(
    appliances.map(({ applianceId, fetch, keep = [], lend = [] }) => {
      const promised = new Set<string>();
      for (const { key } of chain<LentFile>(keep, lend)) if (isShared(key)) promised.add(key);
      const open = new Set<string>();
      for (const file of fetch) if (isManifest(file) || isShared(file.key)) open.add(file.key);
      const isOpen = new Uint8Array(fetch.length).fill(1);
      const todo = Array.from({ length: fetch.length }, (_, at) => at);
      return [
        applianceId,
        { fetch, todo, isOpen, open, openBytes: countFiles(fetch).bytes, promised, begun: false, healthy: false },
      ];
    }),
  );
  const holders = new Map<string, Set<string>>();
  const masters = new Map<string, string>();

  const partOf = (applianceId: string): Part => {
    const part = parts.get(applianceId);
    if (!part) throw new RangeError(`${applianceId} is not in the plan`);
    return part;
  };
  const noteHolder = (applianceId: string, key: string): void => {
    if (!isShared(key)) return;
    const known = holders.get(key);
    if (known) known.add(applianceId);
    else holders.set(key, new Set([applianceId]));
  };
  const close = (part: Part, at: number, { key, sizeBytes }: PlannedFile): void => {
    if (part.isOpen[at] === 1) part.openBytes -= sizeBytes;
    part.isOpen[at] = 0;
    part.open.delete(key);
  };

  /** Null: another one brings it across. */
  function peersFor(applianceId: string, { key, assetId }: PlannedFile): readonly string[] | null {
    const known = [...(holders.get(key) ?? [])].filter((id) => id !== applianceId);
    const healthy = (id: string): number => Number(parts.get(id)?.healthy ?? false);
    if (known.length > 0) return known.sort((a, b) => healthy(b) - healthy(a)).slice(0, mostPeers);
    // It would cross although a peer has it, which only has not been asked yet.
    if ([...parts.values()].some(({ promised }) => promised.has(key))) return null;
    const master = masters.get(assetId);
    if (master === applianceId) return [];
    if (master !== undefined && parts.get(master)?.open.has(key)) return null;
    const better = [...parts].some(
      ([id, part]) => id !== applianceId && part.begun && part.healthy && part.open.has(key),
    );
    if (better && !partOf(applianceId).healthy) return null;
    masters.set(assetId, applianceId);
    return [];
  }

  return {
    begin(applianceId, heldKeys, isHealthy) {
      const part = partOf(applianceId);
      part.begun = true;
      part.promised = none;
      part.healthy = isHealthy;
      for (const key of heldKeys) noteHolder(applianceId, key);
      let at = 0;
      for (const file of part.fetch) {
        if (heldKeys.has(file.key)) close(part, at, file);
        at += 1;
      }
      part.todo = part.todo.filter((place) => part.isOpen[place] === 1);
    },

    doubt(applianceId) {
      partOf(applianceId).promised = none;
    },

    next(applianceId) {
      const part = partOf(applianceId);
      if (part.todo.length === 0) return null;
      const files: number[] = [];
      const inPiece = new Set<string>();
      const openManifests = new Map<string, boolean>();
      let peers: readonly string[] | null = null;
      let bytes = 0;
      let seen = 0;
      for (const at of part.todo) {
        const file = part.fetch.at(at);
        if (!file) continue;
        seen += 1;
        const full =
          files.length > 0 && (files.length >= limits.pieceFiles || bytes + file.sizeBytes > limits.pieceBytes);
        if (full || seen > lookAhead) break;
        const version = versionOf(file);
        const waits = !isManifest(file) && !inPiece.has(version) && isOpen(part, openManifests, version);
        const from = waits ? null : peersFor(applianceId, file);
        if (from === null || (peers !== null && from.join() !== peers.join())) {
          continue;
        }
        peers = from;
        files.push(at);
        bytes += file.sizeBytes;
        if (isManifest(file)) inPiece.add(version);
      }
      if (files.length === 0) return 'wait';
      const taken = new Set(files);
      // The rest, which may be a million, only moves up.
      part.todo.splice(0, seen, ...part.todo.slice(0, seen).filter((at) => !taken.has(at)));
      return { files, peers: peers ?? [] };
    },

    putBack(applianceId, files) {
      const part = partOf(applianceId);
      part.todo = [...new Set([...files, ...part.todo])].sort((a, b) => a - b);
    },

    settle(applianceId, at, held) {
      const part = partOf(applianceId);
      const file = part.fetch.at(at);
      if (!file) return;
      close(part, at, file);
      if (held) noteHolder(applianceId, file.key);
    },

    takeRest(applianceId) {
      const part = partOf(applianceId);
      const rest = part.todo;
      part.todo = [];
      part.promised = none;
      return rest;
    },

    openBytes: (applianceId) => partOf(applianceId).openBytes,
    isHeldInRegion: (key) => (holders.get(key)?.size ?? 0) > 0,
  };
}

const titleOf = (key: string): string => key.slice(0, key.indexOf('/'));

/** Whether a key is of a title that several appliances get, keep or lend: of the others nobody asks who has them. */
function sharedTitles(
  appliances: readonly (Pick<AppliancePlan, 'applianceId' | 'fetch'> & Partial<AppliancePlan>)[],
): (key: string) => boolean {
  const firsts = new Map<string, string>();
  const shared = new Set<string>();
  for (const { applianceId, fetch, keep = [], lend = [] } of appliances) {
    for (const { key } of chain<LentFile>(fetch, keep, lend)) {
      const title = titleOf(key);
      const first = firsts.get(title);
      if (first === undefined) firsts.set(title, applianceId);
      else if (first !== applianceId) shared.add(title);
    }
  }
  return (key) => shared.has(titleOf(key));
}

/** Whether `asset.json` of a version has still to come to the appliance. */
function isOpen(part: Part, known: Map<string, boolean>, version: string): boolean {
  const found = known.get(version);
  if (found !== undefined) return found;
  const open = part.open.has(`${version}/${manifestName}`);
  known.set(version, open);
  return open;
}
