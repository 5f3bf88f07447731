import { type TSchema, Type } from 'typebox';
import { type ProblemCode, problemTypes } from '../../../shared/platform/problem.ts';

export const Id = (what: string) =>
  Type.String({ description: `Id of ${what}: lower-case letters, digits and hyphens, up to 63.`, maxLength: 200 });

export const DateText = Type.String({
  pattern: '^\\d{4}-\\d{2}-\\d{2}$',
  description: '`YYYY-MM-DD`',
  examples: ['2026-11-21'],
});

export const Timestamp = Type.String({ description: 'ISO 8601, UTC.', examples: ['2026-11-20T14:00:00.000Z'] });

export const PageQuery = Type.Object({
  after: Type.Optional(Type.String({ maxLength: 500, description: '`next` of the page before.' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 100 })),
});

export const Next = Type.Union([Type.String(), Type.Null()], {
  description: 'Cursor of the next page; null on the last.',
});

export const pageOf = <S extends TSchema>(item: S) => Type.Object({ items: Type.Array(item), next: Next });

export const RegionParams = Type.Object({ id: Id('the region') });
export const ApplianceParams = Type.Object({ id: Id('the appliance') });
export const FillParams = Type.Object({ id: Type.String({ maxLength: 200, description: 'Id of the fill.' }) });

const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What was wrong this time, and how to mend it.' }),
    code: Type.String(),
    requestId: Type.Optional(Type.String()),
    errors: Type.Optional(Type.Array(Type.Object({ at: Type.String(), message: Type.String() }))),
  },
  { description: 'RFC 9457 problem; codes are listed at /docs/errors.' },
);

/** Documents the refusals of a route by their codes; every route may also refuse the key and the form of the request, or miss what it needs. */
export function problems(...codes: readonly ProblemCode[]): Record<string, TSchema> {
  const byStatus = new Map<number, string[]>();
  for (const code of ['invalid-request', 'unauthorized', 'not-ready', ...codes] as const) {
    const [status, title] = problemTypes[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), `\`${code}\`: ${title}`]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, lines]) => [
      String(status),
      Type.Unsafe<never>({
        description: lines.join(' '),
        content: { 'application/problem+json': { schema: Problem } },
      }),
    ]),
  );
}

/** An answer without a body. */
export const Empty = Type.Null({ description: 'Done.' });
