import { Problem } from '../../shared/platform/problem.ts';

/** What an uploader says of a file, checked. */
export interface UploadDetails {
  /** Without any path; may hold any printable character. Never used as a path. */
  readonly fileName: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly profile: string;
  /** The digest that the bytes must have, lower-case hex; null when none was given. */
  readonly sha256: string | null;
}

/** The same as it came, from form fields or tus metadata. */
export interface GivenDetails {
  readonly fileName?: string | null | undefined;
  readonly title?: string | null | undefined;
  readonly tags?: readonly string[];
  readonly profile?: string | null | undefined;
  readonly sha256?: string | null | undefined;
}

export const maxTitleLength = 200;
export const maxTags = 50;
export const maxTagLength = 64;
const maxFileNameLength = 255;

/** @throws Problem `invalid-request` with every mistake at once. */
export function readUploadDetails(given: GivenDetails, profileNames: readonly string[]): UploadDetails {
  const fileName = cleanFileName(given.fileName ?? '');
  const title =
    cleanText(given.title ?? '') || cleanText(withoutExtension(fileName)).slice(0, maxTitleLength) || 'Untitled';
  const tags = [...new Set((given.tags ?? []).map(cleanText))].filter((tag) => tag !== '');
  const profile = given.profile || 'default';
  const sha256 = given.sha256 ? given.sha256.toLowerCase() : null;

  const errors = [
    mistake(title.length > maxTitleLength, 'title', `must not have more than ${maxTitleLength} characters`),
    mistake(tags.length > maxTags, 'tag', `must not be given more than ${maxTags} times`),
    mistake(
      tags.some((tag) => tag.length > maxTagLength),
      'tag',
      `must not have more than ${maxTagLength} characters`,
    ),
    mistake(!profileNames.includes(profile), 'profile', `must be one of ${profileNames.join(', ')}`),
    mistake(sha256 !== null && !/^[0-9a-f]{64}$/.test(sha256), 'sha256', 'must be 64 hexadecimal digits'),
  ].flat();
  if (errors.length > 0)
    throw new Problem('invalid-request', errors.map(({ at, message }) => `${at} ${message}`).join('; '), { errors });
  return { fileName, title, tags, profile, sha256 };
}

const mistake = (wrong: boolean, at: string, message: string) => (wrong ? [{ at, message }] : []);

/** One line of well-formed text: control characters and runs of white space become one space. */
export const cleanText = (text: string): string =>
  text
    .toWellFormed()
    .normalize('NFC')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim();

function cleanFileName(name: string): string {
  const last = cleanText(name).split(/[/\\]/).at(-1) ?? '';
  if (last.length <= maxFileNameLength) return last;
  const extension = /\.[^.]{1,10}$/.exec(last)?.[0] ?? '';
  return last.slice(0, maxFileNameLength - extension.length) + extension;
}

const withoutExtension = (name: string): string => name.replace(/(?<=.)\.[A-Za-z0-9]{1,5}$/, '');
