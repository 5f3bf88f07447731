/** Sends one file by tus 1.0 and outlives broken connections, restarts of either side, and Ctrl-C. */
import { createReadStream } from 'node:fs';
import { basename, resolve } from 'node:path';
import { DetailedError, type PreviousUpload, Upload } from 'tus-js-client';
import { checkFile } from './check-file.ts';
import { type Client, orNull } from './client.ts';
import { CliError, exitCodes } from './exit.ts';
import { claim, makeResumeStore } from './resume-store.ts';
import { ApiError, problemError, unreachable } from './transport.ts';

/** What is said of a video when it is uploaded; named as the API names it. */
export interface UploadDetails {
  readonly title?: string | undefined;
  readonly tags: readonly string[];
  readonly series?: string | undefined;
  /** `YYYY-MM-DD` */
  readonly premiereDate?: string | undefined;
  /** ISO 8601. */
  readonly premieresAt?: string | undefined;
  readonly mustHave?: boolean | undefined;
  readonly profile?: string | undefined;
  readonly packaging?: string | undefined;
  readonly encryption?: string | undefined;
  readonly earlyPlay?: boolean | undefined;
}

export interface FileToSend extends UploadDetails {
  readonly path: string;
}

export interface SendOptions {
  readonly client: Client;
  /** Folder in which unfinished uploads are remembered. */
  readonly folder: string;
  readonly signal: AbortSignal;
  onProgress(sentBytes: number, totalBytes: number): void;
  /** The connection broke, or an earlier upload is taken up. */
  onNote(line: string): void;
}

/** Rises from at once to a pause that a restart of the API fits into; then the upload is left to be resumed. */
const retryDelaysMs = [0, 1_000, 3_000, 5_000, 10_000, 20_000];

/**
 * Uploads the file and returns the id of the asset it became.
 *
 * @throws ApiError when it is refused; CliError `unreachable` when the API stays away. The upload can be resumed then,
 * by the same call.
 */
export async function sendFile(file: FileToSend, options: SendOptions): Promise<string> {
  const { client, folder, signal } = options;
  const { sizeBytes, mtimeMs } = await checkFile(file.path);
  const endpoint = `${client.transport.access.apiUrl}/v1/uploads`;
  // What the server was told at the beginning belongs to it: another title is another upload.
  const fingerprint = JSON.stringify([endpoint, resolve(file.path), sizeBytes, mtimeMs, metadataOf(file)]);
  const store = makeResumeStore(folder);
  const previous = await findPrevious(await store.findUploadsByFingerprint(fingerprint), options);
  if (previous?.assetId) {
    await store.removeUpload(previous.upload.urlStorageKey);
    return previous.assetId;
  }
  signal.throwIfAborted();

  let key = previous?.upload.urlStorageKey;
  const url = await new Promise<{ readonly url: string; readonly assetId: string | undefined }>((done, fail) => {
    const upload = new Upload(createReadStream(file.path), {
      endpoint,
      headers: { authorization: `Bearer ${client.transport.access.apiKey}` },
      metadata: {
        filename: basename(file.path),
        ...metadataOf(file),
      },
      fingerprint: () => Promise.resolve(fingerprint),
      urlStorage: {
        ...store,
        addUpload: async (...entry) => {
          key = await store.addUpload(...entry);
          return key;
        },
      },
      removeFingerprintOnSuccess: true,
      retryDelays: [...retryDelaysMs],
      onProgress: options.onProgress,
      onShouldRetry: (error, attempt) => {
        const status = error.originalResponse?.getStatus() ?? 0;
        // 409 and 423 are tus's own: another request still holds the upload for a moment.
        const isWorthIt = status === 0 || status >= 500 || status === 409 || status === 423;
        if (isWorthIt && status === 0 && attempt === 0) options.onNote('the connection broke; trying again');
        return isWorthIt;
      },
      onSuccess: ({ lastResponse }) =>
        done({ url: upload.url ?? '', assetId: lastResponse.getHeader('nightfill-asset-id') }),
      onError: (error) => {
        const known = asCliError(error, client);
        // A file that was refused will be refused again: resuming it helps nobody.
        const forget = key !== undefined && isRefused(known) ? store.removeUpload(key) : Promise.resolve();
        void forget.finally(() => fail(known));
      },
    });
    if (previous) upload.resumeFromPreviousUpload(previous.upload);
    const stop = (): void => {
      // What was sent stays on the server; the promise ends here, because tus-js-client says nothing after an abort.
      void upload.abort(false).finally(() => fail(signal.reason));
    };
    signal.addEventListener('abort', stop, { once: true });
    upload.start();
  });
  return url.assetId ?? assetOf(client, url.url);
}

/** tus metadata: texts only, and nothing for what was not said. */
function metadataOf({
  title,
  tags,
  series,
  premiereDate,
  premieresAt,
  mustHave,
  profile,
  packaging,
  encryption,
  earlyPlay,
}: UploadDetails): Record<string, string> {
  const texts = {
    title,
    tags: tags.join(',') || undefined,
    series,
    premiereDate,
    premieresAt,
    profile,
    packaging,
    encryption,
  };
  const flag = (value: boolean | undefined) => (value === undefined ? undefined : String(value));
  const said = { ...texts, mustHave: flag(mustHave), earlyPlay: flag(earlyPlay) };
  return Object.fromEntries(Object.entries(said).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** The last upload of this file that nobody else is at; with the asset, where only the answer was lost. */
async function findPrevious(
  found: readonly PreviousUpload[],
  { client, folder, onNote }: SendOptions,
): Promise<{ readonly upload: PreviousUpload; readonly assetId: string | null } | null> {
  const newestFirst = [...found].sort((a, b) => Date.parse(b.creationTime) - Date.parse(a.creationTime));
  for (const each of newestFirst) {
    const upload = await claim(folder, each);
    if (!upload) continue;
    const state = upload.uploadUrl ? await orNull(client.upload(idOf(upload.uploadUrl))) : null;
    if (state) {
      if (!state.assetId) onNote(`resuming at ${Math.floor((100 * state.offset) / state.sizeBytes)}%`);
      return { upload, assetId: state.assetId };
    }
    await makeResumeStore(folder).removeUpload(upload.urlStorageKey);
  }
  return null;
}

async function assetOf(client: Client, url: string): Promise<string> {
  const { assetId } = await client.upload(idOf(url));
  if (assetId) return assetId;
  throw new CliError(
    exitCodes.serverError,
    'no-asset',
    'the file was received, but the API did not say which asset it became: see nightfill assets',
  );
}

const isRefused = (error: CliError): boolean =>
  error instanceof ApiError &&
  error.exitCode === exitCodes.refused &&
  ![401, 403, 409, 423, 429].includes(error.status);

const idOf = (url: string): string => new URL(url).pathname.split('/').at(-1) ?? '';

function asCliError(error: unknown, client: Client): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof DetailedError && error.originalResponse)
    return problemError(error.originalResponse.getStatus(), error.originalResponse.getBody());
  const cause = error instanceof DetailedError ? error.causingError : error;
  return unreachable(client.transport.access, cause);
}
