import { Redis, type RedisOptions } from 'ioredis';

/**
 * One factory of Redis connections.
 *
 * A lost connection is tried again for ever, with pauses that grow to two seconds. Commands given meanwhile wait, and
 * fail after about three seconds, so that a request is refused rather than left hanging. No outage is ever thrown as an
 * unhandled `error` event: each is told once to `onError`.
 *
 * Not made for Redis Cluster: scripts touch several keys.
 */
export interface RedisConnectionOptions {
  /** `redis://`, `rediss://`, `redis+unix:///path/to.sock?db=0`, or the bare path of a unix socket. */
  readonly url: string;
  /** Shown by `CLIENT LIST`. */
  readonly name?: string;
  /** First part of every key, `nightfill` by default; two installations can share a server by it. */
  readonly prefix?: string;
  /** Told of each outage once, and of the next only after the connection was ready again. */
  readonly onError?: (error: Error) => void;
}

export interface RedisConnection {
  readonly client: Redis;
  /** `prefix:part:part` */
  key(...parts: readonly string[]): string;
  /** One more connection to the same server (subscribers and blocking readers need their own), closed with this one. */
  another(options?: RedisOptions): Redis;
  /** Resolves when the server answers. @throws when it has not within `timeoutMs`, 10,000 by default. */
  ready(timeoutMs?: number): Promise<void>;
  /** Ends all connections; commands that still wait are rejected. */
  close(): Promise<void>;
}

export function connectRedis(options: RedisConnectionOptions): RedisConnection {
  const prefix = options.prefix ?? 'nightfill';
  const settings: RedisOptions = {
    ...redisOptionsOf(options.url),
    ...(options.name ? { connectionName: options.name } : {}),
  };
  const open = new Set<Redis>();

  function another(overrides: RedisOptions = {}): Redis {
    const client = new Redis({
      ...settings,
      retryStrategy: reconnectAfterMs,
      maxRetriesPerRequest: 6,
      ...overrides,
      replyMapping: 'legacy',
    });
    open.add(client);
    client.once('end', () => open.delete(client));
    reportOutages(client, options.onError);
    return client;
  }

  const client = another();

  return {
    client,
    another,
    key: (...parts) => [prefix, ...parts].join(':'),
    async ready(timeoutMs = 10_000) {
      await withTimeout(client.ping(), timeoutMs, 'Redis did not answer in time');
    },
    async close() {
      await Promise.all([...open].map(closeClient));
    },
  };
}

/** Ends a connection: politely when it is up, at once when it is not. */
export async function closeClient(client: Redis): Promise<void> {
  if (client.status === 'ready') {
    await withTimeout(client.quit(), 1_000, 'Redis did not let go in time').catch(() => undefined);
  }
  client.disconnect();
}

/** ioredis knows `redis://`, `rediss://` and bare socket paths by itself; `redis+unix://` is this product's addition. */
export function redisOptionsOf(url: string): RedisOptions {
  if (url.startsWith('/')) return { path: url };
  const parsed = URL.parse(url);
  if (!parsed || !['redis:', 'rediss:', 'redis+unix:'].includes(parsed.protocol)) {
    throw new Error('A Redis URL begins with redis://, rediss:// or redis+unix://, or is the path of a socket.');
  }
  const unix = parsed.protocol === 'redis+unix:';
  const db = unix ? (parsed.searchParams.get('db') ?? '') : parsed.pathname.slice(1);
  if (!/^\d*$/.test(db)) throw new Error(`"${db}" is not the number of a Redis database.`);
  return {
    ...(unix
      ? { path: decodeURIComponent(parsed.pathname) }
      : { host: parsed.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1', port: Number(parsed.port || 6379) }),
    ...(db ? { db: Number(db) } : {}),
    ...(parsed.username ? { username: decodeURIComponent(parsed.username) } : {}),
    ...(parsed.password ? { password: decodeURIComponent(parsed.password) } : {}),
    ...(parsed.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

/** Pause before the connection is tried again for the `times`-th time. */
export const reconnectAfterMs = (times: number): number => Math.min(25 * 2 ** Math.min(times, 10), 2_000);

function reportOutages(client: Redis, onError: ((error: Error) => void) | undefined): void {
  let reported = false;
  client.on('ready', () => {
    reported = false;
  });
  client.on('error', (error: Error) => {
    if (reported) return;
    reported = true;
    onError?.(error);
  });
}

async function withTimeout<T>(work: Promise<T>, timeoutMs: number, message: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(message)), timeoutMs);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // When the timeout won, the command's own later failure has no other listener.
    work.catch(() => undefined);
  }
}
