/** Subtitle files as they are named at the command line: `de=film.de.srt`. */
import { readFile } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import { TextError } from '../../shared/domain/text/cue.ts';
import { parseText } from '../../shared/domain/text/parse.ts';
import { canonicalLanguage } from '../../shared/domain/text-track.ts';
import { checkFile } from './check-file.ts';
import { usageError } from './exit.ts';

export interface NamedText {
  readonly language: string;
  readonly path: string;
}

/** For an option or an argument that may be repeated. */
export function textOption(value: string, before: readonly NamedText[] = []): readonly NamedText[] {
  const [, tag = '', path = ''] = /^([^=]+)=(.+)$/s.exec(value) ?? [];
  const language = canonicalLanguage(tag);
  if (language === null || path === '')
    throw new InvalidArgumentError('must be a language tag and a file such as de=film.de.srt.');
  return [...before, { language, path }];
}

/** Reads a file and looks whether it can be taken, before anything is sent. @throws CliError `usage` */
export async function readTextFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  await checkFile(path);
  const bytes = Uint8Array.from(await readFile(path));
  try {
    parseText(bytes);
  } catch (error) {
    if (error instanceof TextError) throw usageError(`${path}: ${error.message}`);
    throw error;
  }
  return bytes;
}
