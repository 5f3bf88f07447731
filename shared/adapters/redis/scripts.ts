import type { RedisConnection } from './connection.ts';

/**
 * Lua that asks which Redis process this is.
 *
 * A restarted or failed-over Redis may have lost its last writes without having lost its keys. Whatever is derived from
 * the object store is therefore marked with the run id of the process it was written to, and is checked against the
 * store again when that id has changed.
 */
export const runIdLua = `local runId = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')\n`;

export interface Script {
  /** @returns what the script returned; nil is null. */
  run(keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
}

let nextName = 0;

/** Registers a script, which is then sent as its hash. */
export function makeScript(redis: RedisConnection, lua: string): Script {
  nextName += 1;
  const name = `nightfill${nextName}`;
  redis.client.defineCommand(name, { lua });
  return {
    run(keys, args) {
      const command: unknown = Reflect.get(redis.client, name);
      if (typeof command !== 'function') throw new Error(`${name} is not defined`);
      return command.call(redis.client, keys.length, ...keys, ...args);
    },
  };
}
