/**
 * A real HTTP server that speaks the fill API and can be made to fail in the ways that a healthy appliance does not:
 * gone, full, refusing, damaging bytes, dropping connections. What it holds it holds as digests only.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseDigest } from '../domain/http/digest.ts';
import { manifestName, parseObjectKey } from '../domain/keys.ts';

export interface FailingAppliance {
  readonly url: string;
  /** What it holds: key → bytes from the start. */
  readonly held: Map<string, number>;
  /** Every byte of a body that arrived. */
  readonly arrivals: { readonly atMs: number; readonly bytes: number }[];
  /** Keys of finished PUT requests in order, with the status answered. */
  readonly puts: { readonly key: string; readonly status: number }[];
  pinned: ReadonlySet<string>;
  readonly deleted: string[];
  /** Keys that it was told to take from a peer and that the peer held. */
  readonly taken: string[];
  /** The same with their sizes, by the time at which it was told to. */
  readonly takes: { readonly atMs: number; readonly bytes: number; readonly from: string }[];
  /** Changed by tests while it runs. */
  readonly faults: {
    /** Answers to each PUT before it is looked at; null lets it through. */
    refuse: (key: string) => number | null;
    /** Cuts the connection in the middle of the body. */
    drop: (key: string) => boolean;
    capacityBytes: number;
    /** Pause before each PUT is answered. */
    delayMs: number;
  };
  /** Stops answering; the port stays its own. */
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
}

export async function startFailingAppliance(credential: string): Promise<FailingAppliance> {
  const held = new Map<string, number>();
  const arrivals: { atMs: number; bytes: number }[] = [];
  const puts: { key: string; status: number }[] = [];
  const deleted: string[] = [];
  const faults: FailingAppliance['faults'] = {
    refuse: () => null,
    drop: () => false,
    capacityBytes: Number.MAX_SAFE_INTEGER,
    delayMs: 0,
  };
  const taken: string[] = [];
  const takes: { atMs: number; bytes: number; from: string }[] = [];
  let pinned: ReadonlySet<string> = new Set();

  const stored = (): number => [...held.values()].reduce((sum, bytes) => sum + bytes, 0);
  const answer = (response: ServerResponse, status: number, body: unknown = null): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body === null ? '' : JSON.stringify(body));
  };

  async function put(request: IncomingMessage, response: ServerResponse, key: string): Promise<void> {
    const finish = (status: number): void => {
      puts.push({ key, status });
      answer(response, status, status >= 400 ? { code: 'x', detail: `refused with ${status}` } : null);
    };
    const hashing = createHash('sha256');
    let bytes = 0;
    for await (const chunk of request) {
      hashing.update(chunk);
      bytes += chunk.length;
      arrivals.push({ atMs: performance.now(), bytes: chunk.length });
      if (faults.drop(key)) return void request.destroy();
    }
    if (faults.delayMs > 0) await delay(faults.delayMs);
    const refused = faults.refuse(key);
    if (refused !== null) return finish(refused);
    const parsed = parseObjectKey(key);
    if (!parsed) return finish(400);
    if (parsed.path !== manifestName && !held.has(`${parsed.assetId}/${parsed.version}/${manifestName}`)) {
      return finish(409);
    }
    const digest = parseDigest(String(request.headers['content-digest']));
    if (digest !== hashing.digest('hex')) return finish(422);
    const range = /^bytes (\d+)-\d+\/\d+$/.exec(request.headers['content-range'] ?? '');
    const offset = Number(range?.[1] ?? 0);
    if (held.get(key) === offset + bytes) return finish(200);
    if (stored() + bytes > faults.capacityBytes) return finish(507);
    held.set(key, offset + bytes);
    finish(201);
  }

  async function applyPlan(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const plan = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
      pinned: string[];
      unpinned?: string[];
      evict: string[];
    };
    for (const key of plan.evict) held.delete(key);
    pinned = new Set(plan.pinned);
    const found = [...plan.pinned, ...(plan.unpinned ?? [])].flatMap((key) =>
      held.has(key) ? [{ key, heldBytes: held.get(key) }] : [],
    );
    answer(response, 200, { held: found });
  }

  /** Whether the peer holds it is asked of the peer; its bytes are as imaginary as those that are held. */
  async function take(request: IncomingMessage, response: ServerResponse, key: string): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const order = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
      readonly sizeBytes: number;
      readonly offset?: number;
      readonly from: { readonly applianceId: string; readonly url: string; readonly credential: string };
    };
    const atMs = performance.now();
    const peer = await fetch(`${order.from.url}/v/${key}`, {
      headers: { authorization: `Bearer ${order.from.credential}` },
    }).catch(() => null);
    if (peer?.status !== 200) return answer(response, 504);
    if (stored() + order.sizeBytes > faults.capacityBytes) return answer(response, 507);
    held.set(key, (order.offset ?? 0) + order.sizeBytes);
    taken.push(key);
    takes.push({ atMs, bytes: order.sizeBytes, from: order.from.applianceId });
    answer(response, 201);
  }

  const listInventory = (response: ServerResponse, query: URLSearchParams): void => {
    const after = query.get('after') ?? '';
    const keys = [...held.keys()].sort().filter((key) => key > after);
    const page = keys.slice(0, Number(query.get('limit')));
    const items = page.map((key) => ({ key, heldBytes: held.get(key), slices: 1, pinned: pinned.has(key) }));
    answer(response, 200, { items, next: page.length < keys.length ? page.at(-1) : null });
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://appliance');
    const key = url.pathname.replace(/^\/((fill\/)?objects|fill\/take|v)\//, '');
    if (url.pathname.startsWith('/v/')) return answer(response, held.has(key) ? 200 : 504);
    if (request.headers.authorization !== `Bearer ${credential}`) return answer(response, 401);
    if (url.pathname === '/inventory') return listInventory(response, url.searchParams);
    if (url.pathname === '/fill/plan') return void applyPlan(request, response);
    if (url.pathname.startsWith('/fill/take/')) return void take(request, response, key);
    if (request.method === 'PUT') return void put(request, response, key).catch(() => response.destroy());
    if (request.method === 'DELETE') {
      deleted.push(key);
      for (const one of [...held.keys()]) if (one === key || one.startsWith(key)) held.delete(one);
      return answer(response, 200, { freedBytes: 1 });
    }
    const bytes = held.get(key);
    if (bytes === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { 'upload-offset': bytes }).end();
  });

  const up = async (port = 0): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await up();
  const { port } = server.address() as AddressInfo;
  const down = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    held,
    arrivals,
    puts,
    deleted,
    taken,
    takes,
    faults,
    get pinned() {
      return pinned;
    },
    down,
    up: () => up(port),
    close: down,
  };
}
