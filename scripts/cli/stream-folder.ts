/** A finished HLS stream in a folder of this machine: what its playlists name, checked before anything is sent. */
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { readStream } from '../../shared/conformance/read-stream.ts';
import { findEntry, folderSource, maxPlaylistBytes } from '../../shared/conformance/source.ts';
import { checkConformance } from '../../shared/domain/conformance/check.ts';
import { HlsRefusedError, readHls } from '../../shared/hls/stream-files.ts';
import { failure, usageError } from './exit.ts';
import { printable } from './format.ts';

export interface StreamFolder {
  /** Absolute, without links. */
  readonly dir: string;
  /** The playlist to begin with. */
  readonly entry: string;
  /** All that the playlists name, they themselves last. */
  readonly files: readonly { readonly path: string; readonly sizeBytes: number }[];
  readonly sizeBytes: number;
}

/**
 * Reads the playlists of a folder, or from a playlist on.
 *
 * @throws CliError for what is no such stream, names files that are missing or lie elsewhere, or breaks a rule that the
 * server would refuse it for.
 */
export async function readStreamFolder(path: string, signal: AbortSignal): Promise<StreamFolder> {
  const found = await stat(path).catch(() => null);
  if (!found) throw usageError(`there is no file or folder "${printable(path)}"; give a URL, a folder or a playlist`);
  const dir = await realpath(resolve(found.isDirectory() ? path : dirname(path)));
  const entry = found.isDirectory() ? await findEntry(dir, await readdir(dir)) : basename(path);
  if (!entry)
    throw usageError(
      `"${printable(path)}" has no master.m3u8, and no other playlist to begin with; name the playlist itself`,
    );
  const sizes = new Map<string, number>();
  const take = async (file: string): Promise<void> => void sizes.set(file, await sizeOf(dir, file));
  try {
    const stream = await readHls(entry, async (file) => {
      await take(file);
      if ((sizes.get(file) ?? 0) > maxPlaylistBytes)
        throw new HlsRefusedError(`${file} has more bytes than a playlist may have.`);
      return readFile(join(dir, file), 'utf8');
    });
    for (const { path: file } of stream.files) if (!sizes.has(file)) await take(file);
    await refuseBroken(dir, entry, signal);
    const playlistsLast = stream.files.toSorted(
      (a, b) => Number(a.role === 'playlist') - Number(b.role === 'playlist'),
    );
    const files = playlistsLast.map(({ path: file }) => ({ path: file, sizeBytes: sizes.get(file) ?? 0 }));
    return { dir, entry, files, sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
  } catch (error) {
    if (error instanceof HlsRefusedError) throw failure('hls-not-importable', printable(error.message));
    throw error;
  }
}

/** Of an ordinary file in the folder itself: a link could bring along what nobody meant to publish. */
async function sizeOf(dir: string, path: string): Promise<number> {
  const file = join(dir, path);
  const [real, found] = await Promise.all([realpath(file).catch(() => null), lstat(file).catch(() => null)]);
  if (real === null || found === null) throw new HlsRefusedError(`${path} is named by a playlist and is not there.`);
  if (real !== file) throw new HlsRefusedError(`${path} is reached by a symbolic link. Put the file itself there.`);
  if (!found.isFile()) throw new HlsRefusedError(`${path} is named by a playlist and is no file.`);
  return found.size;
}

/** Nobody should send gigabytes to be told then what could have been known at once. */
async function refuseBroken(dir: string, entry: string, signal: AbortSignal): Promise<void> {
  const { findings } = checkConformance(await readStream(folderSource(dir, entry), { signal }));
  const [first, ...others] = findings.filter(({ severity }) => severity === 'error');
  if (!first) return;
  const more = others.length > 0 ? ` (and ${others.length} more; nightfill lint shows all)` : '';
  throw failure(
    first.rule,
    printable(
      `the stream breaks ${first.rule} (${first.requirement}) at ${first.at}: ${first.measured} instead of ${first.expected}${more}`,
    ),
  );
}
