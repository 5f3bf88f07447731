import type { Multipart, MultipartFile } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../../shared/platform/problem.ts';
import type { PartUploads } from '../../shared/ports/part-uploads.ts';
import { type ReceivedObject, receiveObject, tooLarge } from './receive-object.ts';
import { readUploadDetails, type UploadDetails } from './upload-details.ts';

export interface ReceivedUpload {
  readonly file: ReceivedObject;
  readonly details: UploadDetails;
}

export interface MultipartLimits {
  readonly maxUploadBytes: number;
  readonly profileNames: readonly string[];
}

/** Boundaries, part headers and fields around the file. */
const envelopeBytes = 1024 * 1024;
const fieldNames = [
  'title',
  'tag',
  'series',
  'premiereDate',
  'premieresAt',
  'mustHave',
  'profile',
  'packaging',
  'encryption',
  'earlyPlay',
  'sha256',
] as const;

/**
 * Reads a multipart upload: one part `file`, and fields before or after it. Its bytes go straight into the
 * object store, where nothing is left of them when it throws; otherwise the caller commits or discards them.
 *
 * @throws Problem for what is missing, unknown, too large or broken off.
 */
export async function receiveMultipart(
  request: FastifyRequest,
  parts: PartUploads,
  key: string,
  { maxUploadBytes, profileNames }: MultipartLimits,
): Promise<ReceivedUpload> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxUploadBytes + envelopeBytes) throw tooLarge(maxUploadBytes);

  const fields = new Map<string, string[]>();
  let received: { file: ReceivedObject; name: string } | null = null;
  try {
    // One byte more than the limit, so that the limit is ours to notice and a file of exactly that size is taken.
    const limits = { fileSize: maxUploadBytes + 1, files: 1, fields: 200, fieldSize: 10_000, parts: 210 };
    for await (const part of request.parts({ limits })) {
      if (part.type === 'field') addField(fields, part);
      else {
        const options = { maxBytes: maxUploadBytes, announcedBytes: announced || null };
        received = { file: await receiveObject(parts, key, onlyFile(part).file, options), name: part.filename };
      }
    }
    if (!received) throw mistakeAt('file', 'is missing: send the video as a part named "file" with a file name');
    const details = readUploadDetails(
      {
        // A form writes a quotation mark in a file name so (WHATWG HTML, multipart/form-data encoding).
        fileName: received.name.replaceAll('%22', '"'),
        title: fields.get('title')?.at(-1),
        tags: fields.get('tag') ?? [],
        series: fields.get('series')?.at(-1),
        premiereDate: fields.get('premiereDate')?.at(-1),
        premieresAt: fields.get('premieresAt')?.at(-1),
        mustHave: fields.get('mustHave')?.at(-1),
        profile: fields.get('profile')?.at(-1),
        packaging: fields.get('packaging')?.at(-1),
        encryption: fields.get('encryption')?.at(-1),
        earlyPlay: fields.get('earlyPlay')?.at(-1),
        sha256: fields.get('sha256')?.at(-1),
      },
      profileNames,
    );
    return { file: received.file, details };
  } catch (error) {
    await received?.file.discard();
    throw asRefusal(error, maxUploadBytes);
  }
}

function addField(fields: Map<string, string[]>, part: Extract<Multipart, { type: 'field' }>): void {
  const name = fieldNames.find((known) => known === part.fieldname);
  if (!name) throw mistakeAt(part.fieldname, `is not a field of this call; it takes file, ${fieldNames.join(', ')}`);
  if (part.valueTruncated || typeof part.value !== 'string') throw mistakeAt(name, 'must be a short text');
  fields.set(name, [...(fields.get(name) ?? []), part.value]);
}

function onlyFile(part: MultipartFile): MultipartFile {
  if (part.fieldname === 'file') return part;
  throw mistakeAt(part.fieldname, 'brings a file; the part that does must be named "file"');
}

const mistakeAt = (at: string, message: string): Problem =>
  new Problem('invalid-request', `${at} ${message}.`, { errors: [{ at, message }] });

/** The parser's own refusals, in our words. */
function asRefusal(error: unknown, maxUploadBytes: number): unknown {
  if (!(error instanceof Error) || error instanceof Problem) return error;
  const code = 'code' in error ? error.code : undefined;
  if (code === 'FST_REQ_FILE_TOO_LARGE') return tooLarge(maxUploadBytes);
  if (code === 'FST_FILES_LIMIT')
    return new Problem('invalid-request', 'One upload brings one file; send each file by a request of its own.');
  if (code === 'FST_FIELDS_LIMIT' || code === 'FST_PARTS_LIMIT')
    return new Problem('invalid-request', 'The form has too many fields.');
  const isBrokenOff =
    code === 'FST_MP_PREMATURE_CLOSE' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET';
  if (isBrokenOff) return new Problem('invalid-request', 'The upload was broken off.', { cause: error });
  if (/multipart|terminated early|boundary/i.test(error.message))
    return new Problem('invalid-request', `The form cannot be read: ${error.message}.`, { cause: error });
  return error;
}
