import { describe, expect, it } from 'vitest';
import { mergeOpenApi, type OpenApiDocument } from './openapi-merge.ts';

const document = (over: Partial<OpenApiDocument>): OpenApiDocument => ({
  openapi: '3.1.0',
  info: { title: 'T' },
  ...over,
});

describe('mergeOpenApi', () => {
  it('describes problems once', () => {
    const content = { 'application/problem+json': { schema: { type: 'object', description: 'long' } } };
    const merged = mergeOpenApi(
      [
        document({
          paths: { '/v1/a': { get: { responses: { 404: { content } } } } },
          components: { schemas: { Problem: { type: 'object' } } },
        }),
      ],
      'http://x',
    );
    expect(merged.paths?.['/v1/a']).toMatchObject({
      get: {
        responses: {
          404: { content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
        },
      },
    });
  });

  it('names every operation, and leaves the names that were given', () => {
    const paths = {
      '/v1/regions/{id}/fill-reports/{date}': { get: {}, parameters: [] },
      '/v1/uploads': { post: {}, get: { operationId: 'mine' } },
    };
    expect(mergeOpenApi([document({ paths })], 'http://x').paths).toEqual({
      '/v1/regions/{id}/fill-reports/{date}': {
        get: { operationId: 'getRegionsByIdFillReportsByDate' },
        parameters: [],
      },
      '/v1/uploads': { post: { operationId: 'postUploads' }, get: { operationId: 'mine' } },
    });
  });

  it('has the paths, tags and components of all, and one server', () => {
    const shared = { Problem: { type: 'object' } };
    const merged = mergeOpenApi(
      [
        document({ tags: [{ name: 'b' }], paths: { '/v1/b': { get: {} } }, components: { schemas: shared } }),
        document({
          tags: [{ name: 'a' }, { name: 'b' }],
          paths: { '/v1/a': { get: {} } },
          components: { schemas: shared },
        }),
      ],
      'https://cdn.example.net',
    );
    expect(Object.keys(merged.paths ?? {})).toEqual(['/v1/a', '/v1/b']);
    expect(merged.tags?.map(({ name }) => name)).toEqual(['b', 'a']);
    expect(merged.components?.schemas).toEqual(shared);
    expect(merged.servers).toEqual([{ url: 'https://cdn.example.net' }]);
  });

  it('renames a component that means something else, with its references', () => {
    const using = (type: string) =>
      document({
        paths: { [`/${type}`]: { get: { schema: { $ref: '#/components/schemas/def-0' } } } },
        components: { schemas: { 'def-0': { type } } },
      });
    const merged = mergeOpenApi([using('string'), using('integer')], 'http://x');
    expect(merged.components?.schemas).toEqual({ 'def-0': { type: 'string' }, 'def-0-2': { type: 'integer' } });
    expect(merged.paths?.['/integer']).toMatchObject({ get: { schema: { $ref: '#/components/schemas/def-0-2' } } });
    expect(merged.paths?.['/string']).toMatchObject({ get: { schema: { $ref: '#/components/schemas/def-0' } } });
  });
});
