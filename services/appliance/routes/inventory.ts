import { Type } from 'typebox';
import { requireBearer } from '../../../shared/platform/bearer.ts';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import type { InventoryEntry, SegmentCache } from '../../../shared/ports/segment-cache.ts';
import { credentialMend } from '../put-object.ts';

const query = Type.Object({
  after: Type.Optional(Type.String()),
  limit: Type.Integer({ minimum: 1, maximum: 10_000, default: 1_000 }),
});

/** What this appliance holds, page by page in key order. */
export function registerInventory(
  server: HttpServer,
  deps: { readonly credential: string; readonly cache: SegmentCache },
) {
  const { credential, cache } = deps;
  const onRequest = requireBearer(credential, credentialMend);
  server.get('/inventory', { onRequest, schema: { hide: true, querystring: query } }, async (request) => {
    const { after, limit } = request.query;
    const items: InventoryEntry[] = [];
    let more = false;
    for (const entry of cache.inventory(after)) {
      more = items.length === limit;
      if (more) break;
      items.push(entry);
    }
    return { items, next: more ? (items.at(-1)?.key ?? null) : null, stats: cache.stats() };
  });
}
