/** One OpenAPI document out of those of the services behind the console. */

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: object;
  readonly tags?: readonly { readonly name: string }[];
  readonly paths?: Readonly<Record<string, object>>;
  readonly components?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly security?: readonly object[];
  readonly servers?: readonly { readonly url: string }[];
}

/**
 * Paths, tags and components of all documents; what they share must be the same, except for components of one name and
 * different content, where the later one is renamed together with its references. Every operation gets a name, which
 * generators of clients ask for, and problems are described once.
 */
export function mergeOpenApi(documents: readonly OpenApiDocument[], serverUrl: string): OpenApiDocument {
  const [first] = documents;
  if (!first) throw new RangeError('there is nothing to merge');
  const paths: Record<string, object> = {};
  const tags = new Map<string, { readonly name: string }>();
  const components: Record<string, Record<string, unknown>> = {};
  documents.forEach((original, index) => {
    const document = renameConflicts(original, components, `-${index + 1}`);
    for (const [path, methods] of Object.entries(document.paths ?? {}))
      paths[path] = { ...paths[path], ...withNames(path, methods) };
    for (const tag of document.tags ?? []) if (!tags.has(tag.name)) tags.set(tag.name, tag);
    for (const [kind, entries] of Object.entries(document.components ?? {})) {
      components[kind] = { ...components[kind], ...entries };
    }
  });
  const sorted = Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1)));
  const described = components.schemas?.Problem === undefined ? sorted : withOneProblem(sorted);
  return { ...first, servers: [{ url: serverUrl }], tags: [...tags.values()], paths: described, components };
}

/** `GET /v1/regions/{id}/fill-reports` is `getRegionsByIdFillReports`. */
function operationName(method: string, path: string): string {
  const words = path
    .replace(/^\/v1\//, '/')
    .replaceAll('{', 'by-')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '');
  return method + words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join('');
}

const withOneProblem = (paths: Readonly<Record<string, object>>): Record<string, object> =>
  JSON.parse(
    JSON.stringify(paths, (key, value: unknown) =>
      key === 'application/problem+json' ? { schema: { $ref: '#/components/schemas/Problem' } } : value,
    ),
  );

const methodNames = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

const withNames = (path: string, item: object): object =>
  Object.fromEntries(
    Object.entries(item).map(([method, operation]) => [
      method,
      methodNames.includes(method) ? { operationId: operationName(method, path), ...operation } : operation,
    ]),
  );

function renameConflicts(
  document: OpenApiDocument,
  taken: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  suffix: string,
): OpenApiDocument {
  const renamed = new Map<string, string>();
  for (const [kind, entries] of Object.entries(document.components ?? {})) {
    for (const [name, value] of Object.entries(entries)) {
      const other = taken[kind]?.[name];
      if (other === undefined || JSON.stringify(other) === JSON.stringify(value)) continue;
      renamed.set(`#/components/${kind}/${name}`, `#/components/${kind}/${name}${suffix}`);
    }
  }
  if (renamed.size === 0) return document;
  const text = JSON.stringify(document, (key, value: unknown) =>
    key === '$ref' && typeof value === 'string' ? (renamed.get(value) ?? value) : value,
  );
  const copy = JSON.parse(text) as OpenApiDocument;
  const components = Object.fromEntries(
    Object.entries(copy.components ?? {}).map(([kind, entries]) => [
      kind,
      Object.fromEntries(
        Object.entries(entries).map(([name, value]) => [
          renamed.has(`#/components/${kind}/${name}`) ? name + suffix : name,
          value,
        ]),
      ),
    ]),
  );
  return { ...copy, components };
}
