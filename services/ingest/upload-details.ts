import { type Encryption, encryptions } from '../../shared/domain/encryption.ts';
import { type Packaging, packagings, packagingsOf } from '../../shared/domain/manifest.ts';
import { isDate, readInstant } from '../../shared/domain/time/local-time.ts';
import { findProfile } from '../../shared/media/profiles.ts';
import { Problem } from '../../shared/platform/problem.ts';

/** What an uploader says of a file, checked. */
export interface UploadDetails {
  /** Without any path; may hold any printable character. Never used as a path. */
  readonly fileName: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly series: string | null;
  /** `YYYY-MM-DD`. */
  readonly premiereDate: string | null;
  /** ISO 8601, UTC; goes before `premiereDate`. */
  readonly premieresAt: string | null;
  readonly mustHave: boolean;
  readonly profile: string;
  readonly packaging: Packaging;
  readonly encryption: Encryption;
  /** Null: as the worker is set. */
  readonly earlyPlay: boolean | null;
  /** The digest that the bytes must have, lower-case hex; null when none was given. */
  readonly sha256: string | null;
}

/** The same as it came, from form fields or tus metadata. */
export interface GivenDetails {
  readonly fileName?: string | null | undefined;
  readonly title?: string | null | undefined;
  readonly tags?: readonly string[];
  readonly series?: string | null | undefined;
  readonly premiereDate?: string | null | undefined;
  readonly premieresAt?: string | null | undefined;
  readonly mustHave?: string | boolean | null | undefined;
  readonly profile?: string | null | undefined;
  readonly packaging?: string | null | undefined;
  readonly encryption?: string | null | undefined;
  /** Forms and tus metadata know texts only. */
  readonly earlyPlay?: boolean | string | null | undefined;
  readonly sha256?: string | null | undefined;
}

export const maxTitleLength = 200;
export const maxTags = 50;
export const maxTagLength = 64;
export const maxSeriesLength = 200;
const maxFileNameLength = 255;

/** @throws Problem `invalid-request` with every mistake at once. */
export function readUploadDetails(given: GivenDetails, profileNames: readonly string[]): UploadDetails {
  const fileName = cleanFileName(given.fileName ?? '');
  const title =
    cleanText(given.title ?? '') || cleanText(withoutExtension(fileName)).slice(0, maxTitleLength) || 'Untitled';
  const tags = [...new Set((given.tags ?? []).map(cleanText))].filter((tag) => tag !== '');
  const series = cleanText(given.series ?? '') || null;
  const premiereDate = given.premiereDate?.trim() || null;
  const givenInstant = given.premieresAt?.trim() ?? '';
  const premieresAt = readInstant(givenInstant);
  const mustHave = String(given.mustHave ?? '').trim();
  const profile = given.profile || 'default';
  const packaging = packagings.find((known) => known === (given.packaging || 'segments'));
  const encryption = encryptions.find((known) => known === (given.encryption || 'none'));
  const earlyPlay = String(given.earlyPlay ?? '').trim();
  const sha256 = given.sha256 ? given.sha256.toLowerCase() : null;

  const errors = [
    mistake(title.length > maxTitleLength, 'title', `must not have more than ${maxTitleLength} characters`),
    mistake(tags.length > maxTags, 'tag', `must not be given more than ${maxTags} times`),
    mistake(
      tags.some((tag) => tag.length > maxTagLength),
      'tag',
      `must not have more than ${maxTagLength} characters`,
    ),
    mistake((series?.length ?? 0) > maxSeriesLength, 'series', `must not have more than ${maxSeriesLength} characters`),
    mistake(premiereDate !== null && !isDate(premiereDate), 'premiereDate', 'must be a day such as 2026-11-21'),
    mistake(givenInstant !== '' && premieresAt === null, 'premieresAt', instantMend),
    mistake(!/^(true|false|)$/.test(mustHave), 'mustHave', 'must be true or false'),
    mistake(packaging === undefined, 'packaging', `must be one of ${packagings.join(', ')}`),
    mistake(encryption === undefined, 'encryption', `must be one of ${encryptions.join(', ')}`),
    mistake(
      encryption !== undefined && packaging !== undefined && !packagingsOf(encryption).includes(packaging),
      'encryption',
      `${encryption} goes with the packaging ${packagingsOf(encryption ?? 'none').join(' or ')} only`,
    ),
    mistake(
      encryption === 'cbcs' && findProfile(profile)?.beside?.codec === 'av1',
      'encryption',
      'cbcs does not go with AV1; choose another profile, or aes-128',
    ),
    mistake(!/^(true|false|)$/.test(earlyPlay), 'earlyPlay', 'must be true or false'),
    mistake(!profileNames.includes(profile), 'profile', `must be one of ${profileNames.join(', ')}`),
    mistake(sha256 !== null && !/^[0-9a-f]{64}$/.test(sha256), 'sha256', 'must be 64 hexadecimal digits'),
  ].flat();
  if (errors.length > 0 || packaging === undefined || encryption === undefined)
    throw new Problem('invalid-request', errors.map(({ at, message }) => `${at} ${message}`).join('; '), { errors });
  const said = { fileName, title, tags, series, premiereDate, profile, packaging, encryption, sha256 };
  return {
    ...said,
    premieresAt,
    mustHave: mustHave === 'true',
    earlyPlay: earlyPlay === '' ? null : earlyPlay === 'true',
  };
}

/** What of it is the asset's from the beginning, whatever is made of the bytes. */
export const saidOf = ({ title, tags, series, premiereDate, premieresAt, mustHave }: UploadDetails) => ({
  title,
  tags,
  series,
  premiereDate,
  ...(premieresAt === null ? {} : { premieresAt }),
  ...(mustHave ? { mustHave } : {}),
});

const mistake = (wrong: boolean, at: string, message: string) => (wrong ? [{ at, message }] : []);

/** One line of well-formed text: control characters and runs of white space become one space. */
export const cleanText = (text: string): string =>
  text
    .toWellFormed()
    .normalize('NFC')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim();

export const instantMend = 'must be an instant such as 2026-12-24T20:15:00+01:00';

function cleanFileName(name: string): string {
  const last = cleanText(name).split(/[/\\]/).at(-1) ?? '';
  if (last.length <= maxFileNameLength) return last;
  const extension = /\.[^.]{1,10}$/.exec(last)?.[0] ?? '';
  return last.slice(0, maxFileNameLength - extension.length) + extension;
}

const withoutExtension = (name: string): string => name.replace(/(?<=.)\.[A-Za-z0-9]{1,5}$/, '');
