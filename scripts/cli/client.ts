/** The calls of the public API that the command line makes, typed by the documents they answer with (docs/api.md). */
import type { Asset, AssetState, TranscodeProgress } from '../../shared/domain/asset.ts';
import type { Fill, FillReport } from '../../shared/domain/fill.ts';
import type {
  Appliance,
  ApplianceHealth,
  ApplianceMode,
  ApplianceRole,
  ApplianceView,
  Region,
  Revocation,
} from '../../shared/domain/fleet.ts';
import type { Rendition } from '../../shared/domain/manifest.ts';
import type { Explanation } from '../../shared/domain/planning/explain.ts';
import type { PlanListName, PlanLists } from '../../shared/domain/planning/outline.ts';
import type { ForecastView, PlanView } from '../../shared/domain/planning/plan-view.ts';
import type { RoomNow } from '../../shared/domain/pulled-room/pulled-room.ts';
import type { FillAction } from '../../shared/domain/reporting/failures.ts';
import type { Verification } from '../../shared/domain/reporting/verify-report.ts';
import type { TextKind } from '../../shared/domain/text-track.ts';
import type { Page } from '../../shared/ports/catalogue.ts';
import { ApiError, type Query, type Transport } from './transport.ts';

/** An asset as the API shows it. */
export interface AssetDetail extends Omit<Asset, 'schema' | 'sourceKey' | 'textTracks'> {
  /** Subtitles and captions, as the next version has them; older servers do not say. */
  readonly textTracks?: readonly TextTrack[];
  /** Null unless a transcode waits or runs. */
  readonly progress: TranscodeProgress | null;
  /** Of the published version. */
  readonly renditions: readonly Rendition[];
}

export interface TextTrack {
  readonly id: string;
  readonly language: string;
  readonly kind: TextKind;
  readonly name: string;
  readonly forced: boolean;
  readonly default: boolean;
  readonly origin: 'upload' | 'source';
  readonly cues: number;
  readonly published: boolean;
}

/** What tells tracks of one language apart. */
export interface TextQuery {
  readonly kind?: TextKind | undefined;
  readonly forced?: boolean | undefined;
}

/** Null takes away. */
export interface AssetChange {
  readonly title?: string;
  readonly tags?: readonly string[];
  readonly series?: string | null;
  readonly premiereDate?: string | null;
  readonly premieresAt?: string | null;
  readonly mustHave?: boolean;
}

export interface RegionDetail extends Region {
  readonly nextWindow: { readonly startsAt: string; readonly endsAt: string; readonly date: string };
}

export interface NewRegion {
  readonly id: string;
  readonly timeZone: string;
  readonly window: Region['window'];
  readonly budget: Region['budget'];
  readonly name?: string;
  readonly coverage?: Partial<Region['coverage']>;
  readonly tariff?: Region['tariff'];
  readonly fillEnabled?: boolean;
  readonly topUp?: Region['topUp'];
  readonly pulledShare?: Region['pulledShare'];
}

export interface RegionPatch extends Partial<Omit<NewRegion, 'id' | 'budget' | 'window'>> {
  readonly budget?: Partial<Region['budget']>;
  readonly window?: Partial<Region['window']>;
}

export interface NewAppliance {
  readonly id: string;
  readonly regionId: string;
  readonly publicUrl: string;
  readonly capacityBytes: number;
  readonly internalUrl?: string;
  readonly role?: ApplianceRole;
  readonly mode?: ApplianceMode;
  readonly weight?: number;
}

export type AppliancePatch = Partial<Omit<Appliance, 'id' | 'createdAt' | 'updatedAt'>>;

/** `credential` is told in this answer only. */
export interface CreatedAppliance extends ApplianceView {
  readonly credential: string;
}

export interface InventoryItem {
  readonly key: string;
  readonly heldBytes: number;
  readonly slices: number;
  readonly pinned: boolean;
}

export interface Playback {
  readonly assetId: string;
  readonly version: string;
  /** `growing`: the rest is still being encoded; older servers do not say. */
  readonly state?: 'published' | 'growing';
  readonly session: string;
  readonly hls: string;
  /** Null where there is none: media by AES-128, and what is still being encoded. */
  readonly dash: string | null;
  /** Where ClearKey licences are asked; null where none are needed. */
  readonly clearKey?: string | null;
  readonly region: { readonly id: string; readonly reason: string; readonly detail: string };
  readonly appliances: readonly { readonly id: string; readonly region: string; readonly reason: string }[];
  readonly expiresAt: string;
}

export interface RevocationAnswer extends Revocation {
  readonly told: readonly string[];
  readonly notReached: readonly string[];
}

export interface PlaybackRequest {
  readonly assetId: string;
  readonly region?: string;
  readonly ip?: string;
  readonly ttlS?: number;
}

/** A report with what to do about its failures. */
export interface ReportDetail extends FillReport {
  readonly actions: readonly FillAction[];
}

/** A plan as it would be made now, or as it was frozen. */
export interface PlanAnswer extends PlanView {
  readonly explanation?: Explanation;
  readonly frozen: boolean;
}

export interface UploadState {
  readonly id: string;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly assetId: string | null;
}

export interface ImportedDemand {
  readonly rows: number;
  readonly regions: number;
  readonly days: number;
}

export interface SystemStatus {
  readonly at: string;
  /** `ok`, or what is wrong. */
  readonly checks: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, { readonly waiting: number; readonly failed: number }>> | null;
  readonly regions: number;
  readonly appliances: Readonly<Record<ApplianceHealth, number>>;
  readonly assets: Readonly<Record<AssetState, number>>;
}

export interface Rebuilt {
  readonly fleetDocuments: number;
  readonly assets: number;
  readonly demandDays: number;
  readonly jobs: number;
}

const pageSize = 200;
const longTimeoutMs = 600_000;

export type Client = ReturnType<typeof makeClient>;

export function makeClient(transport: Transport) {
  const { json, request } = transport;
  const at = (collection: string, id: string, rest = ''): string =>
    `/v1/${collection}/${encodeURIComponent(id)}${rest}`;
  const post = <T>(path: string, body: unknown): Promise<T> => json<T>(path, { method: 'POST', json: body });
  const patch = <T>(path: string, body: unknown): Promise<T> => json<T>(path, { method: 'PATCH', json: body });
  /** The body, if the answer has one, is not read: a deletion is known by its status. */
  const remove = async (path: string, query: Query = {}): Promise<void> => {
    const response = await request(path, { method: 'DELETE', query });
    await response.body?.cancel();
  };

  const textAt = (id: string, language: string): string =>
    at('assets', id, `/text-tracks/${encodeURIComponent(language)}`);

  /** Every item of a list, page by page, as far as the caller reads. */
  async function* pages<T>(path: string, query: Query = {}): AsyncGenerator<T> {
    let after: string | undefined;
    do {
      const page: Page<T> = await json(path, { query: { limit: pageSize, ...query, after } });
      yield* page.items;
      after = page.next ?? undefined;
    } while (after !== undefined);
  }

  return {
    transport,

    assets: (state?: AssetState) => pages<AssetDetail>('/v1/assets', { state }),
    asset: (id: string, signal?: AbortSignal) => json<AssetDetail>(at('assets', id), { signal }),
    changeAsset: (id: string, change: AssetChange) => patch<AssetDetail>(at('assets', id), change),
    removeAsset: (id: string, purge: boolean) =>
      json<AssetDetail>(at('assets', id, purge ? '?purge=true' : ''), { method: 'DELETE' }),
    restoreAsset: (id: string) => post<AssetDetail>(at('assets', id, '/restore'), {}),
    /** The stream of `asset` events; its head comes at once, its body as things happen. */
    assetEvents: (id: string, signal?: AbortSignal) =>
      request(at('assets', id, '/events'), { headers: { accept: 'text/event-stream' }, timeoutMs: 0, signal }),
    texts: async (id: string) => (await json<{ items: readonly TextTrack[] }>(at('assets', id, '/text-tracks'))).items,
    putText: (
      id: string,
      language: string,
      body: Uint8Array<ArrayBuffer>,
      query: TextQuery & { readonly name?: string | undefined; readonly default?: boolean | undefined } = {},
    ) => json<TextTrack>(textAt(id, language), { method: 'PUT', body, query: { ...query } }),
    removeText: (id: string, language: string, query: TextQuery = {}) => remove(textAt(id, language), { ...query }),
    upload: (id: string) => json<UploadState>(at('uploads', id)),
    playback: (body: PlaybackRequest) => post<Playback>('/v1/playback', body),
    revocations: () => pages<Revocation>('/v1/revocations'),
    revoke: (body: { session?: string; url?: string; reason?: string }) =>
      post<RevocationAnswer>('/v1/revocations', body),
    unrevoke: (session: string) => remove(at('revocations', session)),

    regions: () => pages<RegionDetail>('/v1/regions'),
    region: (id: string) => json<RegionDetail>(at('regions', id)),
    addRegion: (region: NewRegion) => post<RegionDetail>('/v1/regions', region),
    changeRegion: (id: string, change: RegionPatch) => patch<RegionDetail>(at('regions', id), change),
    removeRegion: (id: string) => remove(at('regions', id)),

    appliances: (region?: string) => pages<ApplianceView>('/v1/appliances', { region }),
    appliance: (id: string) => json<ApplianceView>(at('appliances', id)),
    addAppliance: (appliance: NewAppliance) => post<CreatedAppliance>('/v1/appliances', appliance),
    changeAppliance: (id: string, change: AppliancePatch) => patch<ApplianceView>(at('appliances', id), change),
    removeAppliance: (id: string) => remove(at('appliances', id)),
    inventory: (id: string) => pages<InventoryItem>(at('appliances', id, '/inventory')),

    /** Whole or not at all; a long table takes its time. */
    importDemand: (csv: ReadableStream<Uint8Array>) =>
      json<ImportedDemand>('/v1/demand', {
        method: 'POST',
        body: csv,
        headers: { 'content-type': 'text/csv' },
        timeoutMs: longTimeoutMs,
      }),
    /** CSV as a stream. */
    exportDemand: (query: { region?: string | undefined; from?: string | undefined; to?: string | undefined }) =>
      request('/v1/demand', { query, headers: { accept: 'text/csv' } }),

    forecast: (region: string, date?: string, limit?: number) =>
      json<ForecastView>(at('regions', region, '/forecast'), { query: { date, limit } }),
    plan: (region: string, date?: string, asset?: string, limit?: number) =>
      json<PlanAnswer>(at('regions', region, '/plan'), { query: { date, asset, limit } }),
    /** A list of a frozen plan, however long. */
    planLines: <L extends PlanListName>(
      region: string,
      query: { date?: string | undefined; list: L; appliance?: string | undefined },
    ) => pages<PlanLists[L]>(at('regions', region, '/plan/lines'), { ...query, limit: 10_000 }),
    pulledRoom: (region: string) => json<RoomNow>(at('regions', region, '/pulled-room')),
    startFill: (body: { regionId: string; start: 'now' | 'window'; date?: string; mustHave?: readonly string[] }) =>
      post<Fill>('/v1/fills', body),
    fills: (region?: string, limit?: number) => pages<Fill>('/v1/fills', { region, limit }),
    fill: (id: string, signal?: AbortSignal) => json<Fill>(at('fills', id), { signal }),
    orderFill: (id: string, order: 'pause' | 'resume') => post<Fill>(at('fills', id, `/${order}`), {}),
    cancelFill: (id: string) => json<Fill>(at('fills', id), { method: 'DELETE' }),
    /** The last run of each date, newest first. `limit` is the size of a page, not of the list. */
    reports: (region: string, limit?: number) => pages<ReportDetail>(at('regions', region, '/fill-reports'), { limit }),
    report: (region: string, date: string, run?: number) =>
      json<ReportDetail>(at('regions', region, `/fill-reports/${date}`), { query: { run } }),
    verifyReport: (region: string, date: string, run?: number) =>
      json<Verification>(at('regions', region, `/fill-reports/${date}/verification`), { query: { run } }),
    reportCsv: (region: string, date: string, run?: number, table?: string) =>
      request(at('regions', region, `/fill-reports/${date}`), {
        query: { run, table },
        headers: { accept: 'text/csv' },
      }),

    /** With the answer's own time, which tells the two clocks apart. */
    status: () => json<SystemStatus>('/v1/status'),
    rebuild: () => json<Rebuilt>('/v1/rebuild', { method: 'POST', timeoutMs: longTimeoutMs }),
  };
}

/** The answer of a call, or null where the API says that there is no such thing. */
export const orNull = async <T>(call: Promise<T>): Promise<T | null> =>
  call.catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  });
