import type { Readable } from 'node:stream';
import { Type } from 'typebox';
import { isId } from '../../../shared/domain/keys.ts';
import { canonicalLanguage, cleanName, type TextPlace, textKinds } from '../../../shared/domain/text-track.ts';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import { assetNotFound } from '../change-asset.ts';
import type { TextTracks } from '../text-tracks.ts';
import { drainRequest } from './drain.ts';
import { idParams, oneOf, problems, textTrackSchema } from './schemas.ts';

const tags = ['text'];
const maxTextBytes = 8 * 1024 * 1024;

const languageParams = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 63 }),
  language: Type.String({ minLength: 1, maxLength: 35, description: 'BCP 47, such as `de` or `pt-BR`.' }),
});
const place = {
  kind: Type.Optional(oneOf(textKinds)),
  forced: Type.Optional(Type.Boolean({ description: 'Only what cannot be understood without it.' })),
};

interface Asked {
  readonly params: { readonly id: string; readonly language: string };
  readonly query: { readonly kind?: TextPlace['kind']; readonly forced?: boolean };
}

/** Subtitles and captions of an asset: list, read, put, delete. */
export async function textTrackRoutes(server: HttpServer, { texts }: { readonly texts: TextTracks }): Promise<void> {
  // A subtitle file comes under many types, or none; its bytes say what it is.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, _payload, done) => done(null));

  server.get(
    '/v1/assets/:id/text-tracks',
    {
      schema: {
        tags,
        summary: 'Subtitles and captions of an asset',
        description: 'Those of its source, once it is published, and those that were uploaded.',
        params: idParams,
        response: {
          200: {
            description: 'All of them.',
            content: { 'application/json': { schema: Type.Object({ items: Type.Array(textTrackSchema) }) } },
          },
          ...problems('unauthorized', 'asset-not-found', 'gone'),
        },
      },
    },
    async ({ params: { id } }) => ({ items: [...(await texts.list(known(id)))] }),
  );

  server.get(
    '/v1/assets/:id/text-tracks/:language',
    {
      schema: {
        tags,
        summary: 'One text track as WebVTT',
        params: languageParams,
        querystring: Type.Object(place),
        response: {
          200: { description: 'The whole track.', content: { 'text/vtt': { schema: Type.String() } } },
          ...problems('invalid-request', 'unauthorized', 'asset-not-found', 'text-track-not-found', 'gone'),
        },
      },
    },
    async (request, reply) => {
      const text = await texts.read(known(request.params.id), placeOf(request));
      return reply.type('text/vtt; charset=utf-8').send(text);
    },
  );

  server.put(
    '/v1/assets/:id/text-tracks/:language',
    {
      onResponse: drainRequest,
      schema: {
        tags,
        summary: 'Add or replace subtitles or captions',
        description:
          'The body is a SubRip or WebVTT file of at most 8 MiB, of any content type: UTF-8, UTF-16 with a byte order mark, or Windows-1252. ' +
          'There is one track for each language, kind and use; it takes the place of the source’s own. An asset that is published gets a new version with the same media; before that, the text goes along with the transcode.',
        params: languageParams,
        querystring: Type.Object({
          ...place,
          name: Type.Optional(
            Type.String({ maxLength: 60, description: 'What players call it; by default the language’s own name.' }),
          ),
          default: Type.Optional(Type.Boolean({ description: 'Shown to who has not chosen; one track at most.' })),
        }),
        response: {
          200: {
            description: 'It was there and is replaced.',
            content: { 'application/json': { schema: textTrackSchema } },
          },
          201: { description: 'It is new.', content: { 'application/json': { schema: textTrackSchema } } },
          ...problems(
            'invalid-request',
            'unauthorized',
            'asset-not-found',
            'conflict',
            'gone',
            'too-large',
            'invalid-text',
            'overloaded',
          ),
        },
      },
    },
    async (request, reply) => {
      const { query, params, raw } = request;
      const { track, created } = await texts.put(known(params.id), {
        ...placeOf(request),
        name: cleanName(query.name ?? '') || null,
        isDefault: query.default ?? false,
        bytes: await readBody(raw),
      });
      return reply.code(created ? 201 : 200).send(track);
    },
  );

  server.delete(
    '/v1/assets/:id/text-tracks/:language',
    {
      schema: {
        tags,
        summary: 'Remove an uploaded text track',
        description: 'The source’s own track of that language, if it has one, comes back.',
        params: languageParams,
        querystring: Type.Object(place),
        response: {
          204: { description: 'It is removed; versions made so far keep it.', type: 'null' },
          ...problems(
            'invalid-request',
            'unauthorized',
            'asset-not-found',
            'text-track-not-found',
            'gone',
            'overloaded',
          ),
        },
      },
    },
    async (request, reply) => {
      await texts.remove(known(request.params.id), placeOf(request));
      return reply.code(204).send(null);
    },
  );
}

/** Not by fastify's own limit, which closes the connection on a client that is still sending. */
async function readBody(body: Readable): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    sizeBytes += part.length;
    if (sizeBytes > maxTextBytes)
      throw new Problem(
        'too-large',
        `A subtitle file has at most ${maxTextBytes / 1024 ** 2} MiB; send SubRip or WebVTT.`,
      );
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function known(id: string): string {
  if (!isId(id)) throw assetNotFound(id);
  return id;
}

function placeOf({ params, query }: Asked): TextPlace {
  const language = canonicalLanguage(params.language);
  if (language === null)
    throw new Problem(
      'invalid-request',
      `"${params.language}" is no language tag; write one such as de, en-GB or zh-Hans.`,
      {
        errors: [{ at: 'language', message: 'must be a language tag (BCP 47)' }],
      },
    );
  return { language, kind: query.kind ?? 'subtitles', forced: query.forced ?? false };
}
