import { type TSchema, Type } from 'typebox';
import { assetStates } from '../../../shared/domain/asset.ts';
import { encryptions } from '../../../shared/domain/encryption.ts';
import { packagings } from '../../../shared/domain/manifest.ts';
import { textKinds } from '../../../shared/domain/text-track.ts';
import { profileNames } from '../../../shared/media/profiles.ts';
import { type ProblemCode, problemTypes } from '../../../shared/platform/problem.ts';
import type { AssetView } from '../asset-view.ts';
import type { TextTrackView } from '../text-tracks.ts';
import { maxSeriesLength, maxTagLength, maxTags, maxTitleLength } from '../upload-details.ts';

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const text = (description: string) => Type.String({ description });
const time = (description: string) => Type.String({ format: 'date-time', description });
const wholeNumber = (description: string) => Type.Integer({ minimum: 0, description });
export const oneOf = <const T extends readonly string[]>(values: T) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values] });

const audioTrack = Type.Object({
  track: Type.Optional(Type.Integer({ description: 'Its number among the file’s audio tracks.' })),
  codec: Type.String(),
  channels: Type.Integer(),
  sampleRateHz: Type.Integer(),
  language: Type.Optional(nullable(text('BCP 47; null where the file does not say.'))),
  title: Type.Optional(nullable(text('What the file calls it.'))),
});

const sourceText = Type.Object({
  track: Type.Integer({ description: 'Its number among the file’s subtitle tracks.' }),
  codec: Type.String(),
  form: oneOf(['text', 'picture', 'unknown']),
  language: nullable(text('BCP 47; null where the file does not say.')),
  title: nullable(text('What the file calls it.')),
  forced: Type.Boolean(),
  isDefault: Type.Boolean({ description: 'As the container has it.' }),
  hearingImpaired: Type.Boolean(),
});

const source = Type.Object(
  {
    fileName: text('As the uploader called it.'),
    sizeBytes: wholeNumber('Bytes of the uploaded file.'),
    sha256: text('Lower-case hexadecimal SHA-256 of the uploaded file.'),
    container: text('Container as ffprobe names it.'),
    durationS: Type.Number({ description: 'Seconds.' }),
    video: nullable(
      Type.Object({
        codec: Type.String(),
        width: Type.Integer({ description: 'Display pixels.' }),
        height: Type.Integer({ description: 'Display pixels.' }),
        frameRate: Type.Number({ description: 'Frames a second.' }),
        pixelFormat: Type.String(),
        colour: Type.Optional(
          Type.Object(
            {
              matrix: Type.Optional(Type.String()),
              primaries: Type.Optional(Type.String()),
              transfer: Type.Optional(Type.String()),
            },
            { description: 'As far as the file says, by the names of ffprobe.' },
          ),
        ),
        hdr: Type.Boolean(),
        transfer: Type.Optional(Type.Enum(['pq', 'hlg'])),
      }),
    ),
    audio: nullable(audioTrack),
    audioTracks: Type.Optional(
      Type.Array(audioTrack, { description: 'All that can be decoded; `audio` is the first.' }),
    ),
    textTracks: Type.Optional(
      Type.Array(sourceText, { description: 'Subtitle tracks; only those of the form `text` are published.' }),
    ),
  },
  { description: 'What the uploaded file is.' },
);

const progress = nullable(
  Type.Object(
    {
      stage: oneOf(['waiting', 'download', 'encode', 'package', 'upload', 'publish', 'done']),
      fraction: Type.Number({ minimum: 0, maximum: 1, description: 'Of the whole transcode; never goes back.' }),
      renditions: Type.Record(Type.String(), Type.Number(), { description: 'Fraction of each rendition, by its id.' }),
      speed: nullable(Type.Number({ description: 'Media seconds encoded a second.' })),
    },
    { description: 'Live progress while a transcode waits or runs.' },
  ),
);

const rendition = Type.Object({
  id: Type.String(),
  kind: oneOf(['video', 'audio', 'text']),
  codecs: text('RFC 6381; `wvtt` for text.'),
  bandwidthBps: wholeNumber('Peak bit rate over any segment, measured.'),
  averageBandwidthBps: wholeNumber('Mean bit rate, measured.'),
  width: nullable(Type.Integer()),
  height: nullable(Type.Integer()),
  frameRate: nullable(Type.Number()),
  channels: nullable(Type.Integer()),
  sampleRateHz: nullable(Type.Integer()),
  language: Type.Optional(nullable(text('BCP 47, of sound and text.'))),
  name: Type.Optional(text('What players call this choice of sound or text.')),
  text: Type.Optional(
    Type.Object(
      {
        kind: oneOf(textKinds),
        forced: Type.Boolean(),
        isDefault: Type.Boolean(),
        sha256: Type.Optional(text('Of the WebVTT that it was cut from; absent in imported streams.')),
        file: Type.Optional(text('The whole of it, relative to the version; absent in imported streams.')),
      },
      { description: 'Of text only.' },
    ),
  ),
  playlist: text('Media playlist, relative to the version.'),
});

export const textTrackSchema = Type.Unsafe<TextTrackView>(
  Type.Object({
    id: text('Its language, with `-captions` and `-forced` where it is.'),
    language: text('BCP 47.'),
    kind: oneOf(textKinds),
    name: text('What players call it.'),
    forced: Type.Boolean(),
    default: Type.Boolean({ description: 'Shown to who has not chosen.' }),
    origin: oneOf(['upload', 'source']),
    cues: wholeNumber('Texts in it.'),
    published: Type.Boolean({ description: 'Whether the present version has it as it is.' }),
  }),
);

export const assetState = oneOf(assetStates);

const listedAsset = {
  id: Type.String(),
  title: Type.String(),
  tags: Type.Array(Type.String()),
  series: nullable(text('The series that it belongs to.')),
  premiereDate: nullable(Type.String({ format: 'date', description: 'The day on which it is first shown.' })),
  premieresAt: nullable(
    Type.String({
      format: 'date-time',
      description: 'The instant before which it is not played; goes before the date.',
    }),
  ),
  mustHave: Type.Boolean({ description: 'Fills bring it first, whatever is forecast.' }),
  state: assetState,
  profile: text('Encoding profile.'),
  packaging: oneOf(packagings),
  encryption: oneOf(encryptions),
  source,
  early: nullable(
    Type.Object(
      {
        version: Type.String(),
        hls: text('Multivariant playlist, relative to the version.'),
        since: time('From when on it plays.'),
      },
      { description: 'What plays already while the first version is being made.' },
    ),
  ),
  version: nullable(text('What viewers get; null until the first publication.')),
  durationS: nullable(Type.Number({ description: 'Seconds of the published version.' })),
  sizeBytes: nullable(wholeNumber('Bytes of all files of the published version.')),
  failure: nullable(Type.Object({ code: Type.String(), reason: text('Names the mend.') })),
  importWarnings: Type.Optional(
    Type.Array(
      Type.Object({ rule: Type.String(), at: Type.String(), measured: Type.String(), expected: Type.String() }),
      { description: 'What an imported stream does not do as it should; see docs/packaging.md for the rules.' },
    ),
  ),
  textTracks: Type.Array(textTrackSchema, { description: 'Subtitles and captions, as the next version has them.' }),
  textFailure: nullable(
    Type.Object(
      { code: Type.String(), reason: text('Names the mend.') },
      { description: 'Why the last change of text was not published.' },
    ),
  ),
  deletion: nullable(
    Type.Object(
      {
        deletedAt: time('When it was deleted.'),
        purgeAt: time('Until then it can be restored.'),
        from: oneOf(['uploaded', 'transcoding', 'published', 'failed']),
      },
      { description: 'While it is deleted.' },
    ),
  ),
  createdAt: time('When the upload was accepted.'),
  updatedAt: time('When the document last changed.'),
  publishedAt: nullable(time('When the present version was published.')),
  progress,
};

const images = nullable(
  Type.Object(
    { poster: text('JPEG.'), storyboard: text('WebVTT that names parts of JPEGs.') },
    { description: 'Beside the media of the published version, relative to it; null for sound alone.' },
  ),
);

export const assetSchema = Type.Unsafe<AssetView>(
  Type.Object({
    ...listedAsset,
    renditions: Type.Array(rendition, { description: 'Of the published version.' }),
    images,
  }),
);

export const assetPageSchema = Type.Object({
  items: Type.Array(Type.Unsafe<Omit<AssetView, 'renditions' | 'images'>>(Type.Object(listedAsset))),
  next: nullable(text('Goes back as `?after=`; null on the last page.')),
});

export const assetChangeSchema = Type.Object(
  {
    title: Type.Optional(Type.String({ minLength: 1, maxLength: maxTitleLength })),
    series: Type.Optional(nullable(Type.String({ maxLength: maxSeriesLength, description: 'Null takes it away.' }))),
    premiereDate: Type.Optional(
      nullable(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'A day; null takes it away.' })),
    ),
    premieresAt: Type.Optional(
      nullable(
        Type.String({
          maxLength: 40,
          description: 'ISO 8601 with an offset or Z, e.g. 2026-12-24T20:15:00+01:00; null takes it away.',
        }),
      ),
    ),
    mustHave: Type.Optional(Type.Boolean({ description: 'Fills bring it first, whatever is forecast.' })),
    tags: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: maxTagLength }), { maxItems: maxTags, uniqueItems: true }),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
);

export const uploadSchema = Type.Object({
  id: Type.String(),
  offset: wholeNumber('Bytes that arrived.'),
  sizeBytes: nullable(wholeNumber('Announced size; null while the client has not said it.')),
  restarts: Type.Optional(
    wholeNumber(
      'Of an import from a URL: how often it began again at its first byte, because the other server does not give the rest of a file, or changed it; absent: never.',
    ),
  ),
  assetId: nullable(text('The asset that it became; null while it is not finished.')),
  failure: nullable(
    Type.Object({ code: Type.String(), reason: text('Names the mend.') }, { description: 'Why an import ended.' }),
  ),
});

const premiereFields = {
  premiereDate: Type.Optional(Type.String({ format: 'date' })),
  premieresAt: Type.Optional(
    Type.String({ maxLength: 40, description: 'An instant with offset or Z; goes before `premiereDate`.' }),
  ),
  mustHave: Type.Optional(Type.Boolean({ description: 'Fills bring it first, whatever is forecast.' })),
};

/** An import from a URL. */
export const importSchema = Type.Object(
  {
    url: Type.Optional(
      Type.String({ minLength: 1, maxLength: 8_192, description: 'A video: http or https; redirects are followed.' }),
    ),
    hls: Type.Optional(
      Type.Object(
        { url: Type.String({ minLength: 1, maxLength: 8_192 }) },
        {
          additionalProperties: false,
          description: 'Instead of `url`: the playlist of an HLS stream that is published as it is, not transcoded.',
        },
      ),
    ),
    title: Type.Optional(Type.String()),
    tags: Type.Optional(Type.Array(Type.String())),
    series: Type.Optional(Type.String()),
    ...premiereFields,
    profile: Type.Optional(Type.String({ description: `One of ${profileNames.join(', ')}.` })),
    packaging: Type.Optional(oneOf(packagings)),
    encryption: Type.Optional(oneOf(encryptions)),
    earlyPlay: Type.Optional(
      Type.Boolean({ description: 'Whether a long film plays while the rest of it is encoded.' }),
    ),
    sha256: Type.Optional(Type.String({ description: 'Hexadecimal SHA-256 that the file must have.' })),
  },
  { additionalProperties: false },
);

/** An import of a stream that the client sends file by file. */
export const importOrderSchema = Type.Object(
  {
    title: Type.Optional(Type.String()),
    tags: Type.Optional(Type.Array(Type.String())),
    series: Type.Optional(Type.String()),
    ...premiereFields,
    sizeBytes: Type.Optional(wholeNumber('Of all files, where it is known: refused at once if it is too much.')),
  },
  { additionalProperties: false },
);

export const importViewSchema = Type.Object({
  id: Type.String(),
  state: oneOf(['receiving', 'publishing', 'published']),
  files: wholeNumber('Files that arrived; 0 once it is published.'),
  sizeBytes: wholeNumber('Their bytes.'),
  assetId: nullable(text('The asset that it became.')),
  failure: nullable(
    Type.Object(
      { code: text('The broken rule, else a code of problems.'), reason: text('Names the mend.') },
      { description: 'Why it was not published; files may be sent anew, and it be published again.' },
    ),
  ),
});

export const importedFileSchema = Type.Object({
  path: Type.String(),
  sizeBytes: wholeNumber('Bytes.'),
  sha256: text('Lower-case hexadecimal.'),
});

export const importedFilesSchema = Type.Object({
  items: Type.Array(importedFileSchema),
  next: nullable(text('Goes back as `?after=`; null on the last page.')),
});

export const idParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 63 }) });

const problemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: text('What was wrong this time, and how to mend it.'),
    code: text('Stable; see docs/errors.md.'),
    requestId: Type.Optional(Type.String()),
    errors: Type.Optional(Type.Array(Type.Object({ at: Type.String(), message: Type.String() }))),
  },
  { description: 'RFC 9457 problem.' },
);

/** The responses of a route for the problems that it may answer with. */
export function problems(...codes: readonly ProblemCode[]) {
  const byStatus = Map.groupBy(codes, (code) => problemTypes[code][0]);
  return Object.fromEntries(
    Array.from(byStatus, ([status, grouped]) => [
      status,
      {
        description: grouped.map((code) => `\`${code}\`: ${problemTypes[code][1]}`).join(' '),
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  );
}
