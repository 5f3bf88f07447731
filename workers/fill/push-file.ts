/**
 * Brings one planned file to one appliance: from a peer that holds it, else across into the region.
 *
 * A file of one slice is sent whole. A larger one goes slice by slice, because the manifest has a digest for each: what
 * the appliance holds from the start of the file is not sent again. Only what crosses into the region counts against
 * its rate and its night; what peers give each other has a rate of its own.
 */
import type { FillSource, PlannedFile } from '../../shared/domain/fill.ts';
import { parseObjectKey } from '../../shared/domain/keys.ts';
import { type SliceSpec, sliceSizeBytes, slicesOf } from '../../shared/domain/manifest.ts';
import { type ApplianceApi, ApplianceApiError, type ApplianceTarget } from '../../shared/ports/appliance-api.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import { ObjectStoreError } from '../../shared/ports/object-store.ts';
import { PushFailure } from './fill-errors.ts';
import { meterBody } from './metered-body.ts';
import type { PeerRate } from './peer-rate.ts';
import type { RateLimiter } from './shared-rate.ts';
import type { OpenedSource, Sources } from './sources.ts';

export interface PushDeps {
  readonly sources: Sources;
  readonly documents: Documents;
  readonly api: ApplianceApi;
  readonly limiter: RateLimiter;
  readonly peerRate: PeerRate;
  /** Bytes of the night: set aside before they are sent, given back when they were not. */
  readonly reserve: (bytes: number, signal: AbortSignal) => Promise<boolean>;
  readonly giveBack: (bytes: number) => Promise<void>;
  /** Told of every byte that leaves. */
  readonly onSent: (bytes: number) => void;
}

export interface Pushed {
  readonly outcome: 'stored' | 'already-held';
  /** Of the last part that was stored. */
  readonly source: FillSource;
}

export type PushFile = (
  target: ApplianceTarget,
  file: PlannedFile,
  peers: readonly ApplianceTarget[],
  signal: AbortSignal,
) => Promise<Pushed>;

/** The function throws PushFailure for what no repetition mends, and the ports' errors for the rest. */
export function makePushFile(deps: PushDeps): PushFile {
  const { sources, documents, api, limiter, peerRate, reserve, giveBack, onSent } = deps;
  const slicesOfFile = rememberSlices(documents);

  const partOf = (file: PlannedFile, { offset, sizeBytes, sha256 }: SliceSpec) => ({
    sizeBytes,
    sha256,
    ...(sizeBytes === file.sizeBytes ? {} : { part: { offset, objectBytes: file.sizeBytes } }),
  });

  /** Null when no peer could give it. */
  async function takeFromPeer(
    target: ApplianceTarget,
    file: PlannedFile,
    slice: SliceSpec,
    peers: readonly ApplianceTarget[],
    signal: AbortSignal,
  ): Promise<Pushed | null> {
    for (const peer of peers) {
      await peerRate.pass(peer.id, target.id, slice.sizeBytes, signal);
      const outcome = await api
        .takeFrom(target, file.key, partOf(file, slice), peer, signal)
        .catch((error: unknown) => {
          // The peer's bytes were wrong: the object store's may be right.
          if (error instanceof ApplianceApiError && error.code === 'digest-mismatch') return 'not-there' as const;
          throw error;
        });
      if (outcome !== 'not-there') return { outcome, source: 'peer' };
    }
    return null;
  }

  async function pushSlice(
    target: ApplianceTarget,
    file: PlannedFile,
    slice: SliceSpec,
    signal: AbortSignal,
  ): Promise<Pushed> {
    if (!(await reserve(slice.sizeBytes, signal)))
      throw new PushFailure('night-budget-spent', 'the bytes of the night are spent');
    let sentBytes = 0;
    let opened: OpenedSource | null = null;
    try {
      const span = { start: slice.offset, end: slice.offset + slice.sizeBytes - 1 };
      const source = await sources.open(file.key, slice.sizeBytes === file.sizeBytes ? null : span, signal);
      opened = source;
      const metered = meterBody(
        source.body,
        limiter,
        (bytes) => {
          sentBytes += bytes;
          onSent(bytes);
        },
        signal,
      );
      const upload = { ...partOf(file, slice), body: metered.body };
      const outcome = await api.put(target, file.key, upload, signal).catch((error: unknown) => {
        if (error instanceof ApplianceApiError && error.code === 'digest-mismatch') source.distrust();
        const fault = metered.sourceError();
        throw fault && !signal.aborted ? sourceBroke(file.key, fault) : error;
      });
      return { outcome, source: source.source };
    } finally {
      opened?.close();
      await giveBack(slice.sizeBytes - sentBytes);
    }
  }

  return async (target, file, peers, signal) => {
    const bring = async (slice: SliceSpec): Promise<Pushed> =>
      (await takeFromPeer(target, file, slice, peers, signal)) ?? pushSlice(target, file, slice, signal);
    if (file.sizeBytes <= sliceSizeBytes) {
      return bring({ index: 0, offset: 0, sizeBytes: file.sizeBytes, sha256: file.sha256 });
    }
    const slices = await slicesOfFile(file.key);
    if (!slices) throw new PushFailure('source-missing', `the manifest of ${file.key} is gone or does not list it`);
    const heldBytes = await api.heldBytes(target, file.key, signal);
    let pushed: Pushed = { outcome: 'already-held', source: 'object-store' };
    for (const slice of slices) {
      if (slice.offset + slice.sizeBytes > heldBytes) pushed = { ...(await bring(slice)), outcome: 'stored' };
    }
    return pushed;
  };
}

const sourceBroke = (key: string, cause: Error): ObjectStoreError =>
  cause instanceof ObjectStoreError
    ? cause
    : new ObjectStoreError('unavailable', key, `reading ${key} broke off: ${cause.message}`, { cause });

/** Slices of large files; the last manifest read is kept, because files come version by version. */
function rememberSlices(documents: Documents): (key: string) => Promise<SliceSpec[] | null> {
  let known: { readonly name: string; readonly manifest: ReturnType<Documents['getManifest']> } | null = null;
  return async (key) => {
    const parsed = parseObjectKey(key);
    if (!parsed) return null;
    const name = `${parsed.assetId}/${parsed.version}`;
    if (known?.name !== name) known = { name, manifest: documents.getManifest(parsed.assetId, parsed.version) };
    const current = known;
    const manifest = await current.manifest.catch((error: unknown) => {
      if (known === current) known = null;
      throw error;
    });
    const file = manifest?.files.find(({ path }) => path === parsed.path);
    try {
      return file ? slicesOf(file) : null;
    } catch (error) {
      throw new PushFailure('source-missing', `the manifest is damaged: ${(error as Error).message}`);
    }
  };
}
