import type { RedisConnection } from './connection.ts';

/** Changes told between processes by pub/sub. */
export interface ChangeWatch {
  announce(id: string): Promise<void>;
  /**
   * Resolves when the listener is in place; the returned function takes it away.
   *
   * @throws when Redis is away; the listener is then not in place.
   */
  watch(id: string, listener: () => void): Promise<() => Promise<void>>;
}

/**
 * @param channel Prefix of the channels, one per id.
 *
 * What was announced while the connection was lost is never heard, so each listener is called once after it came back.
 */
export function makeChangeWatch(redis: RedisConnection, channel: string): ChangeWatch {
  const listeners = new Map<string, Set<() => void>>();
  let subscriber: ReturnType<RedisConnection['another']> | null = null;

  const channelOf = (id: string): string => `${channel}:${id}`;

  function subscriberConnection(): ReturnType<RedisConnection['another']> {
    if (subscriber) return subscriber;
    subscriber = redis.another();
    subscriber.on('message', (from: string) => {
      for (const listener of listeners.get(from) ?? []) listener();
    });
    let lost = false;
    subscriber.on('close', () => {
      lost = true;
    });
    subscriber.on('ready', () => {
      if (!lost) return;
      lost = false;
      for (const listener of [...listeners.values()].flatMap((set) => [...set])) listener();
    });
    return subscriber;
  }

  return {
    async announce(id) {
      await redis.client.publish(channelOf(id), '');
    },

    async watch(id, listener) {
      const name = channelOf(id);
      // A wrapper of its own, so that the same function watching twice is two watches.
      const entry = (): void => listener();
      const others = listeners.get(name) ?? new Set();
      listeners.set(name, others.add(entry));
      const stop = async (): Promise<void> => {
        others.delete(entry);
        if (others.size > 0 || listeners.get(name) !== others) return;
        listeners.delete(name);
        // Where Redis is away, the connection that comes next would only hear what nobody listens to.
        await subscriberConnection()
          .unsubscribe(name)
          .catch(() => undefined);
      };
      try {
        await subscriberConnection().subscribe(name);
      } catch (error) {
        await stop();
        throw error;
      }
      return stop;
    },
  };
}
