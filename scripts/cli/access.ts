/** Where the API is and which key opens it: options first, then the environment, then what `nightfill up` wrote. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readSettings, SettingsError } from '../../shared/platform/settings.ts';
import { CliError, exitCodes, usageError } from './exit.ts';

export interface Access {
  /** Base URL without trailing slash. */
  readonly apiUrl: string;
  readonly apiKey: string;
  /** Where the address was found, for messages. */
  readonly source: string;
}

export interface AccessOptions {
  readonly api?: string | undefined;
  readonly key?: string | undefined;
  /** Data folder of an installation on this machine. */
  readonly data?: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export const projectRoot = resolve(import.meta.dirname, '..', '..');

/** Data folder of the installation: `--data` against the working directory, else `var` in the project. */
export const dataFolder = (options: Pick<AccessOptions, 'data'>): string =>
  options.data === undefined ? join(projectRoot, 'var') : resolve(options.data);

/**
 * The address and key to use.
 *
 * The key that `up` wrote is sent to the address that `up` wrote only: naming another API asks for its own key.
 *
 * @throws CliError `usage` for a setting that cannot be read, `not-running` when nothing says where the API is.
 */
export async function findAccess(options: AccessOptions, env: Environment): Promise<Access> {
  const fromEnvironment = readEnvironment(env);
  const apiUrl = options.api === undefined ? fromEnvironment.api : parseUrl(options.api);
  const apiKey = options.key ?? fromEnvironment.apiKey;
  if (apiUrl && apiKey) return { apiUrl, apiKey, source: options.api === undefined ? 'NIGHTFILL_API' : '--api' };
  const path = join(dataFolder(options), 'access.json');
  const written = await readAccessFile(path);
  if (apiUrl && written?.apiUrl !== apiUrl)
    throw usageError(`no key for ${apiUrl}: give it in NIGHTFILL_API_KEY or with --key`);
  if (!written)
    throw new CliError(
      exitCodes.unreachable,
      'not-running',
      `no installation found (${path} is not there): start it with npm start, or name one in NIGHTFILL_API and NIGHTFILL_API_KEY`,
    );
  return { apiUrl: written.apiUrl, apiKey: apiKey ?? written.apiKey, source: path };
}

function readEnvironment(env: Environment): { readonly api: string; readonly apiKey: string | undefined } {
  try {
    const { api } = readSettings(env, ['api']);
    const hasKey = env.NIGHTFILL_API_KEY || env.NIGHTFILL_API_KEY_FILE;
    return { api, apiKey: hasKey ? readSettings(env, ['apiKey']).apiKey : undefined };
  } catch (error) {
    if (error instanceof SettingsError) throw usageError(error.mistakes.join('; '));
    throw error;
  }
}

function parseUrl(text: string): string {
  const url = URL.parse(text);
  if (!url || !['http:', 'https:'].includes(url.protocol))
    throw usageError(`--api must be a URL such as http://127.0.0.1:8080, not ${text}`);
  return text.replace(/\/+$/, '');
}

async function readAccessFile(path: string): Promise<{ apiUrl: string; apiKey: string } | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw usageError(`${path} cannot be read: ${(error as Error).message}`);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (value && typeof value === 'object' && 'apiUrl' in value && 'apiKey' in value) {
      const { apiUrl, apiKey } = value;
      if (typeof apiUrl === 'string' && typeof apiKey === 'string')
        return { apiUrl: apiUrl.replace(/\/+$/, ''), apiKey };
    }
  } catch {
    // Falls to the message below: a half-written or foreign file.
  }
  throw usageError(`${path} is not an access file: start Nightfill once more with npm start`);
}
