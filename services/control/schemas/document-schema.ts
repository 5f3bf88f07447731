import { type Static, type TSchema, type TUnsafe, Type } from 'typebox';

type Mutable<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer U)[]
    ? Mutable<U>[]
    : { -readonly [K in keyof T]: Mutable<T[K]> };

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/**
 * A schema of a domain type. It does not compile unless it says exactly what the type says, so that no field of a
 * document can be lost on its way out (the serialiser drops what a schema does not name).
 */
export const documentSchema =
  <T>() =>
  <S extends TSchema>(schema: S & (Same<Mutable<T>, Mutable<Static<S>>> extends true ? unknown : never)): TUnsafe<T> =>
    Type.Unsafe<T>(schema);

const plainTypes: ReadonlySet<unknown> = new Set(['string', 'number', 'integer', 'boolean']);

/**
 * `null` besides what the schema allows. Plain values get a list of types rather than a choice of schemas: requests are
 * coerced, and the first schema of a choice would make an empty string, or 0, of a null.
 */
export function nullable<S extends TSchema>(schema: S): TUnsafe<Static<S> | null> {
  const isPlain = 'type' in schema && plainTypes.has(schema.type) && !('enum' in schema) && !('const' in schema);
  return Type.Unsafe<Static<S> | null>(
    isPlain ? { ...schema, type: [schema.type, 'null'] } : Type.Union([schema, Type.Null()]),
  );
}
