import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import {
  type AnswerTotal,
  type ByteCause,
  type DemandDayDocument,
  type DemandRow,
  type OutcomeTotal,
  positionBins,
  type ServiceRow,
  type WatchedDay,
} from '../../domain/demand.ts';
import { parseJson } from './store-json.ts';

/**
 * One UTC day of one region, in its two forms: fields of a Redis hash and a document of the object store.
 *
 * Fields: `v:<hour>:<asset>` views and `b:<hour>:<asset>` bytes, where the hour is `-` when it is not known;
 * `q:<outcome>:<asset>` requests and `z:<outcome>:<asset>` bytes of an outcome; `s:<hour>:<asset>:<appliance>:<cause>` bytes
 * and `f:…` first used ones; `r:<hour>:<appliance>:<outcome>` requests and `a:…` bytes; `w:<bin>:<asset>`
 * milliseconds played (without an asset: of all) and `m:<class>:` those of a class of renditions; `revision`; `runId`.
 */
export interface DemandDay {
  readonly regionId: string;
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
}

export const formatDay = ({ regionId, day }: DemandDay): string => `${regionId}/${day}`;

export function parseDay(text: string): DemandDay {
  const slash = text.indexOf('/');
  return { regionId: text.slice(0, slash), day: text.slice(slash + 1) };
}

const hourText = (hour: number | null): string => (hour === null ? '-' : String(hour));

const serviceName = (row: Omit<ServiceRow, 'day' | 'bytes' | 'firstUseBytes'>): string =>
  `${row.hour}:${row.assetId}:${row.applianceId}:${row.cause}`;
const answerName = (row: Omit<AnswerTotal, 'day' | 'requests' | 'bytes'>): string =>
  `${row.hour}:${row.applianceId}:${row.outcome}`;

export const fieldsOf = {
  views: (assetId: string, hour: number | null): string => `v:${hourText(hour)}:${assetId}`,
  bytes: (assetId: string, hour: number | null): string => `b:${hourText(hour)}:${assetId}`,
  outcomeRequests: (assetId: string, outcome: string): string => `q:${outcome}:${assetId}`,
  outcomeBytes: (assetId: string, outcome: string): string => `z:${outcome}:${assetId}`,
  served: (row: Omit<ServiceRow, 'day' | 'bytes' | 'firstUseBytes'>): string => `s:${serviceName(row)}`,
  firstUse: (row: Omit<ServiceRow, 'day' | 'bytes' | 'firstUseBytes'>): string => `f:${serviceName(row)}`,
  answerRequests: (row: Omit<AnswerTotal, 'day' | 'requests' | 'bytes'>): string => `r:${answerName(row)}`,
  answerBytes: (row: Omit<AnswerTotal, 'day' | 'requests' | 'bytes'>): string => `a:${answerName(row)}`,
} as const;

/** Every hour of an asset's day: what one asset's rows are read from. */
export const fieldsOfAsset = (assetId: string): readonly string[] =>
  [null, ...Array(24).keys()].flatMap((hour) => [fieldsOf.views(assetId, hour), fieldsOf.bytes(assetId, hour)]);

export function documentOf(day: DemandDay, fields: Iterable<readonly [string, string]>): DemandDayDocument {
  const cells = new Map<string, { assetId: string; hour: number | null; views: number; bytes: number }>();
  const totals = new Map<string, { assetId: string; outcome: string; requests: number; bytes: number }>();
  const service = new Map<string, Growing<ServiceRow>>();
  const answers = new Map<string, Growing<AnswerTotal>>();
  const bins = new Map<string, number[]>();
  const mixMs: Record<string, number> = {};
  let revision = 0;
  for (const [field, text] of fields) {
    const [kind = '', middle = '', assetId = ''] = field.split(':');
    const value = Number(text);
    if (field === 'revision') revision = value;
    else if (kind === 'v' || kind === 'b') {
      const hour = middle === '-' ? null : Number(middle);
      const cell = getOrAdd(cells, `${middle}:${assetId}`, () => ({ assetId, hour, views: 0, bytes: 0 }));
      if (kind === 'v') cell.views = value;
      else cell.bytes = value;
    } else if (kind === 'q' || kind === 'z') {
      const total = getOrAdd(totals, `${middle}:${assetId}`, () => ({
        assetId,
        outcome: middle,
        requests: 0,
        bytes: 0,
      }));
      if (kind === 'q') total.requests = value;
      else total.bytes = value;
    } else if (kind === 's' || kind === 'f') {
      const name = field.slice(2);
      const row = getOrAdd(service, name, () => emptyService(day.day, name));
      if (kind === 's') row.bytes = value;
      else row.firstUseBytes = value;
    } else if (kind === 'w') {
      getOrAdd(bins, assetId, () => new Array<number>(positionBins).fill(0))[Number(middle)] = value;
    } else if (kind === 'm') {
      mixMs[middle] = value;
    } else if (kind === 'r' || kind === 'a') {
      const name = field.slice(2);
      const row = getOrAdd(answers, name, () => emptyAnswer(day.day, name));
      if (kind === 'r') row.requests = value;
      else row.bytes = value;
    }
  }
  return {
    schema: 1,
    ...day,
    revision,
    rows: [...cells.values()]
      .filter(({ views, bytes }) => views > 0 || bytes > 0)
      .map((cell) => ({ ...day, ...cell }))
      .sort(compareRows),
    outcomes: [...totals.values()].sort(
      (a, b) => compareText(a.assetId, b.assetId) || compareText(a.outcome, b.outcome),
    ),
    service: sorted(service),
    answers: sorted(answers),
    ...(bins.size > 0 ? { watched: watchedOf(day.day, bins, mixMs) } : {}),
  };
}

/** A row that is put together from its fields. */
type Growing<T> = { -readonly [K in keyof T]: T[K] };

const sorted = <T>(rows: ReadonlyMap<string, T>): T[] =>
  [...rows].sort(([a], [b]) => compareText(a, b)).map(([, row]) => row);

function emptyService(day: string, name: string): Growing<ServiceRow> {
  const [hour = '', assetId = '', applianceId = '', cause = ''] = name.split(':');
  return { day, hour: Number(hour), assetId, applianceId, cause: cause as ByteCause, bytes: 0, firstUseBytes: 0 };
}

function emptyAnswer(day: string, name: string): Growing<AnswerTotal> {
  const [hour = '', applianceId = '', outcome = ''] = name.split(':');
  return { day, hour: Number(hour), applianceId, outcome, requests: 0, bytes: 0 };
}

/** The inverse of `documentOf`, without `runId`. */
export function fieldsOfDocument(document: DemandDayDocument): readonly (readonly [string, number])[] {
  return [
    ...document.rows.flatMap(fieldsOfRow),
    ...document.outcomes.flatMap(fieldsOfOutcome),
    ...(document.service ?? []).flatMap(fieldsOfService),
    ...(document.answers ?? []).flatMap(fieldsOfAnswer),
    ...(document.watched ? fieldsOfWatched(document.watched) : []),
    ['revision', document.revision] as const,
  ];
}

export const fieldsOfRow = ({ assetId, hour, views, bytes }: DemandRow): [string, number][] => [
  [fieldsOf.views(assetId, hour), views],
  [fieldsOf.bytes(assetId, hour), bytes],
];

const fieldsOfOutcome = ({ assetId, outcome, requests, bytes }: OutcomeTotal): [string, number][] => [
  [fieldsOf.outcomeRequests(assetId, outcome), requests],
  [fieldsOf.outcomeBytes(assetId, outcome), bytes],
];

const positive = (fields: [string, number][]): [string, number][] => fields.filter(([, value]) => value > 0);

const fieldsOfService = (row: ServiceRow): [string, number][] =>
  positive([
    [fieldsOf.served(row), row.bytes],
    [fieldsOf.firstUse(row), row.firstUseBytes],
  ]);

const fieldsOfAnswer = (row: AnswerTotal): [string, number][] =>
  positive([
    [fieldsOf.answerRequests(row), row.requests],
    [fieldsOf.answerBytes(row), row.bytes],
  ]);

/** Titles whose curves a day's document keeps. */
const mostWatched = 500;

function watchedOf(day: string, bins: ReadonlyMap<string, number[]>, mixMs: Record<string, number>): WatchedDay {
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  return {
    day,
    binsMs: bins.get(everyAsset) ?? new Array<number>(positionBins).fill(0),
    mixMs: Object.fromEntries(Object.entries(mixMs).sort(([a], [b]) => compareText(a, b))),
    assets: [...bins]
      .filter(([assetId]) => assetId !== everyAsset)
      .map(([assetId, binsMs]) => ({ assetId, binsMs, ms: sum(binsMs) }))
      .sort((a, b) => b.ms - a.ms || compareText(a.assetId, b.assetId))
      .slice(0, mostWatched)
      .map(({ assetId, binsMs }) => ({ assetId, binsMs })),
  };
}

const everyAsset = '';

export function fieldsOfWatched({ binsMs, mixMs, assets }: WatchedDay): [string, number][] {
  const ofBins = (assetId: string, values: readonly number[]): [string, number][] =>
    values.map((value, bin) => [`w:${bin}:${assetId}`, value]);
  return positive([
    ...ofBins(everyAsset, binsMs),
    ...Object.entries(mixMs).map(([name, value]): [string, number] => [`m:${name}:`, value]),
    ...assets.flatMap(({ assetId, binsMs: values }) => ofBins(assetId, values)),
  ]);
}

export const encodeDay = (document: DemandDayDocument): Promise<Buffer> =>
  promisify(gzip)(Buffer.from(JSON.stringify(document)));

export const decodeDay = async (key: string, bytes: Buffer): Promise<DemandDayDocument> =>
  parseJson<DemandDayDocument>(key, (await promisify(gunzip)(bytes)).toString('utf8'));

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const compareRows = (a: DemandRow, b: DemandRow): number =>
  compareText(a.assetId, b.assetId) || (a.hour ?? -1) - (b.hour ?? -1);

function getOrAdd<T>(map: Map<string, T>, key: string, make: () => T): T {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
