/**
 * Names: object store keys, media paths and ids. The one place that knows how they are spelt.
 *
 * Every document that survives a loss of Redis is found through these functions.
 */

/** Ids of assets, versions, regions and appliances: safe in a path, a Redis key, a BullMQ job id and a file name. */
export const idPattern = /^[a-z0-9][a-z0-9-]{0,62}$/;
export const isId = (value: string): boolean => idPattern.test(value);

/** A path below a version: parts of letters, digits, `.`, `_`, `-`; no part starts with a dot. */
const pathPartPattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/;
export const isMediaPath = (path: string): boolean =>
  path.length <= 500 && path.split('/').every((part) => pathPartPattern.test(part));

export const manifestName = 'asset.json';

/** How appliances ask each other for what a version is so far, while it is being made. */
export const growingName = 'growing.json';
const growingFolder = 'growing/';

export interface ObjectKey {
  readonly assetId: string;
  readonly version: string;
  readonly path: string;
}

/** `<assetId>/<version>/<path>`: how appliances, plans and fills name an object. */
export const formatObjectKey = (key: ObjectKey): string => `${key.assetId}/${key.version}/${key.path}`;

/** The parts of `<assetId>/<version>/<path>`, or null when it is not of that form. */
export function parseObjectKey(text: string): ObjectKey | null {
  const first = text.indexOf('/');
  const second = text.indexOf('/', first + 1);
  if (first < 0 || second < 0) return null;
  const key = { assetId: text.slice(0, first), version: text.slice(first + 1, second), path: text.slice(second + 1) };
  return isId(key.assetId) && isId(key.version) && isMediaPath(key.path) ? key : null;
}

/** A region may be filled more than once for one date: the night's own run is 1, later ones carry their number. */
const runSuffix = (run: number): string => (run === 1 ? '' : `-${run}`);

/** Id of a fill and of its frozen plan, e.g. `eu-berlin-2026-11-21` and, for a second run, `eu-berlin-2026-11-21-2`. */
export const fillId = (regionId: string, date: string, run = 1): string => `${regionId}-${date}${runSuffix(run)}`;

/** So that the order of keys is that of revisions. */
const revisionDigits = 6;

/** Keys in the object store. */
export const storeKeys = {
  mediaPrefix: (assetId: string, version?: string): string =>
    version ? `assets/${assetId}/${version}/` : `assets/${assetId}/`,
  media: (key: ObjectKey): string => `assets/${formatObjectKey(key)}`,
  /** WebVTT of a text track by its digest; goes with the asset. `text` is no version: those are 16 hex digits. */
  text: (assetId: string, sha256: string): string => `assets/${assetId}/text/${sha256}.vtt`,
  manifest: (assetId: string, version: string): string => `assets/${assetId}/${version}/${manifestName}`,
  /** What a version is so far (`growing.ts`): a document for each revision, none is ever overwritten; gone with the manifest. */
  growingPrefix: (assetId: string, version: string): string => `assets/${assetId}/${version}/${growingFolder}`,
  growing: (assetId: string, version: string, revision: number): string =>
    `assets/${assetId}/${version}/${growingFolder}${String(revision).padStart(revisionDigits, '0')}.json`,
  catalogPrefix: 'catalog/',
  catalog: (assetId: string): string => `catalog/${assetId}.json`,
  regionsPrefix: 'fleet/regions/',
  region: (id: string): string => `fleet/regions/${id}.json`,
  appliancesPrefix: 'fleet/appliances/',
  appliance: (id: string): string => `fleet/appliances/${id}.json`,
  revocationsPrefix: 'fleet/revocations/',
  revocation: (id: string): string => `fleet/revocations/${id}.json`,
  demandPrefix: (regionId?: string): string => (regionId ? `demand/${regionId}/` : 'demand/'),
  demand: (regionId: string, day: string): string => `demand/${regionId}/${day}.json.gz`,
  forecastsPrefix: (regionId?: string): string => (regionId ? `forecasts/${regionId}/` : 'forecasts/'),
  forecast: (regionId: string, date: string, run = 1): string => `forecasts/${regionId}/${date}${runSuffix(run)}.json`,
  plansPrefix: (regionId?: string): string => (regionId ? `plans/${regionId}/` : 'plans/'),
  plan: (regionId: string, date: string, run = 1): string => `plans/${regionId}/${date}${runSuffix(run)}.json`,
  reportsPrefix: (regionId: string): string => `reports/${regionId}/`,
  report: (regionId: string, date: string, run = 1): string => `reports/${regionId}/${date}${runSuffix(run)}.json`,
  roomsPrefix: (regionId: string): string => `rooms/${regionId}/`,
  /** A decision on the room for pulled slices, by the day on which it was made. */
  room: (regionId: string, date: string): string => `rooms/${regionId}/${date}.json`,
  fillsPrefix: 'fills/',
  fill: (id: string): string => `fills/${id}.json`,
  /** Bytes of a night that were handed out to fill workers. */
  night: (regionId: string, date: string): string => `nights/${regionId}/${date}.json`,
  /** Is there while an operator keeps the fill paused. */
  fillPause: (id: string): string => `fill-pauses/${id}.json`,
  upload: (id: string): string => `uploads/${id}`,
  uploadsPrefix: 'uploads/',
  /** An upload on its way: what is known of it, and bytes that are not yet a part of `upload(id)`. */
  incoming: (id: string): string => `incoming/${id}/upload.json`,
  incomingTail: (id: string, start: number, end: number): string => `incoming/${id}/tail-${start}-${end}`,
  incomingPrefix: (id?: string): string => (id ? `incoming/${id}/` : 'incoming/'),
  /** A finished stream that arrives file by file: what is known of it, and of each file that is there whole. */
  importsPrefix: 'imports/',
  import: (id: string): string => `imports/${id}.json`,
  importFilesPrefix: (id: string, path?: string): string =>
    path === undefined ? `import-files/${id}/` : `import-files/${id}/${path}/`,
  importFile: (id: string, path: string, sha256: string, sizeBytes: number): string =>
    `import-files/${id}/${path}/${sha256}-${sizeBytes}`,
  /** What several workers make of one transcode, until they are joined. */
  work: (assetId: string, version: string, name: string): string => `work/${assetId}/${version}/${name}`,
  workPrefix: (assetId?: string, version?: string): string =>
    ['work', assetId, version].flatMap((part) => (part ? [`${part}/`] : [])).join(''),
} as const;

const contentTypes: ReadonlyMap<string, string> = new Map(
  Object.entries({
    m3u8: 'application/vnd.apple.mpegurl',
    mpd: 'application/dash+xml',
    m4s: 'video/iso.segment',
    ts: 'video/mp2t',
    aac: 'audio/aac',
    mp4: 'video/mp4',
    m4v: 'video/mp4',
    m4a: 'audio/mp4',
    // Streams that were made elsewhere keep their names (ISO/IEC 23000-19; RFC 3003, 4184, 4598).
    cmfv: 'video/mp4',
    cmfa: 'audio/mp4',
    cmft: 'application/mp4',
    mp3: 'audio/mpeg',
    ac3: 'audio/ac3',
    ec3: 'audio/eac3',
    vtt: 'text/vtt',
    webvtt: 'text/vtt',
    jpg: 'image/jpeg',
    jpeg: 'image/jpeg',
    png: 'image/png',
    json: 'application/json',
    gz: 'application/gzip',
  }),
);

/** Content type by the key's ending; `application/octet-stream` where it says nothing. */
export const contentTypeOf = (key: string): string =>
  contentTypes.get(key.slice(key.lastIndexOf('.') + 1).toLowerCase()) ?? 'application/octet-stream';
