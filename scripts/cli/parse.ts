/** Readers of option values: what cannot be read is a usage error that shows how to write it. */
import { InvalidArgumentError } from 'commander';
import { isId } from '../../shared/domain/keys.ts';
import { mostPulledShare } from '../../shared/domain/planning/limits.ts';
import { isDate, readInstant } from '../../shared/domain/time/local-time.ts';
import { parseDurationMs, parseSizeBytes } from '../../shared/platform/setting-kinds.ts';

/** Turns a reader that throws plain errors into one whose errors commander shows with the option's name. */
const reader =
  <T>(read: (text: string) => T) =>
  (text: string): T => {
    try {
      return read(text);
    } catch (error) {
      throw new InvalidArgumentError(`${(error as Error).message}.`);
    }
  };

export const sizeOption = reader(parseSizeBytes);
export const durationOption = reader(parseDurationMs);

export const idOption = reader((text) => {
  if (!isId(text)) throw new Error('must be an id: lower-case letters, digits and hyphens');
  return text;
});

export const dateOption = reader((text) => {
  if (!isDate(text)) throw new Error('must be a date such as 2026-11-21');
  return text;
});

/** A day, or an instant with its offset: `2026-12-24T20:15:00+01:00`. */
export const premiereOption = reader((text) => {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return { premiereDate: dateOption(text) };
  const premieresAt = readInstant(text);
  if (premieresAt === null)
    throw new Error('must be a day such as 2026-12-24, or an instant such as 2026-12-24T20:15:00+01:00');
  return { premieresAt };
});

/** What `premiereOption` reads: one of the two. */
export type Premiere = { readonly premiereDate: string } | { readonly premieresAt: string };

const bitUnits: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };

/** Bits a second from `100Mbit/s`, `1.5Gbit`, `12.5MB/s` or a plain number of bits. */
export const rateOption = reader((text) => {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?)(bit|bps|b)?(?:\/s)?$/i.exec(text.trim());
  const unit = bitUnits[(match?.[2] ?? '').toLowerCase()];
  if (!match || unit === undefined) throw new Error('must be a rate such as 100Mbit/s, 1.5Gbit/s or 12.5MB/s');
  // A lone capital B means bytes, as in MB/s.
  const bitsPerUnit = match[3] === 'B' ? 8 : 1;
  const bps = Math.round(Number(match[1]) * unit * bitsPerUnit);
  if (bps <= 0) throw new Error('must be more than nothing');
  return bps;
});

/** `01:00-05:00` */
export const windowOption = reader((text) => {
  const match = /^((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)$/.exec(text);
  if (!match?.[1] || !match[2]) throw new Error('must be two times on the region’s clock such as 01:00-05:00');
  return { start: match[1], end: match[2] };
});

/** `52.5,13.4`: latitude, longitude. */
export const locationOption = reader((text) => {
  const [latitude, longitude, ...rest] = text
    .split(',')
    .map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const isPoint =
    latitude !== undefined &&
    longitude !== undefined &&
    rest.length === 0 &&
    Math.abs(latitude) <= 90 &&
    Math.abs(longitude) <= 180;
  if (!isPoint) throw new Error('must be latitude,longitude such as 52.5,13.4');
  return { latitude, longitude };
});

const whole = (min: number, max: number) =>
  reader((text) => {
    const number = Number(text);
    if (text.trim() === '' || !Number.isInteger(number) || number < min || number > max)
      throw new Error(`must be a whole number from ${min} to ${max}`);
    return number;
  });

export const countOption = whole(1, 1_000_000);
export const portOption = whole(1, 65_535);

/** A share as 0.2 or 20%; null for `auto`. */
/** Null for `auto`. */
export const peerRateOption = (text: string): number | null => (text === 'auto' ? null : rateOption(text));

export const pulledShareOption = reader((text) => {
  if (text === 'auto') return null;
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  const share = match ? Number(match[1]) / (match[2] ? 100 : 1) : Number.NaN;
  if (!(share <= mostPulledShare)) throw new Error(`must be a share from 0 to ${mostPulledShare} such as 0.2, or auto`);
  return share;
});

export const weightOption = reader((text) => {
  const number = Number(text);
  if (!(number > 0)) throw new Error('must be a number above 0');
  return number;
});

/** For options that may be given several times, or once with commas. */
export const listOption = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
];

/** `EUR:2.50` or `EUR:2.50/0.40` (day and night); null for `none`. */
export const tariffOption = reader((text) => {
  if (text.trim().toLowerCase() === 'none') return null;
  const match = /^([a-z]{3}):(\d+(?:\.\d+)?)(?:\/(\d+(?:\.\d+)?))?$/i.exec(text.trim());
  if (!match?.[1]) throw new Error('must be a price of a gigabyte such as EUR:2.50, EUR:2.50/0.40 (day/night) or none');
  return {
    currency: match[1].toUpperCase(),
    perGb: Number(match[2]),
    ...(match[3] === undefined ? {} : { nightPerGb: Number(match[3]) }),
  };
});
