/**
 * The keys of encrypted versions, asked of control when a viewer needs them.
 *
 * They are in memory only, never on the disk: who takes an appliance away finds media that cannot be decrypted. For
 * `freshMs` control is not asked again; after that it is, and while it cannot be reached what was known serves on up to
 * `keepMs`. What control refuses is forgotten at once.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../shared/ports/clock.ts';
import { type ControlClient, ControlRefusal } from './control-client.ts';
import { Refusal } from './refusals.ts';
import type { VersionId } from './versions.ts';

/** Bytes of each key by its id in hex. */
export type VersionKeys = ReadonlyMap<string, Buffer>;

export interface ContentKeys {
  /** @throws Refusal */
  of(id: VersionId): VersionKeys | Promise<VersionKeys>;
}

export interface ContentKeysDeps {
  readonly control: Pick<ControlClient, 'contentKeys'>;
  readonly clock: Clock;
  readonly freshMs?: number;
  readonly keepMs?: number;
}

interface Remembered {
  readonly keys: VersionKeys;
  readonly askedAtMs: number;
}

const keyBytes = 16;

export function makeContentKeys({
  control,
  clock,
  freshMs = 60_000,
  keepMs = 6 * 3_600_000,
}: ContentKeysDeps): ContentKeys {
  const known = new LRUCache<string, Remembered>({ max: 5_000 });
  const asking = new Map<string, Promise<VersionKeys>>();
  const ageMs = ({ askedAtMs }: Remembered): number => clock.now() - askedAtMs;

  async function ask(name: string, id: VersionId): Promise<VersionKeys> {
    const before = known.get(name);
    try {
      const keys = parseKeys(await control.contentKeys(id));
      known.set(name, { keys, askedAtMs: clock.now() });
      return keys;
    } catch (error) {
      if (error instanceof ControlRefusal && (error.status === 403 || error.status === 404)) {
        known.delete(name);
        throw new Refusal('not-found', 'not-found', 'There are no keys for this version.');
      }
      if (before && ageMs(before) < keepMs) return before.keys;
      known.delete(name);
      const why = 'Control could not be asked for the keys; it is worth trying again.';
      const refusal = new Refusal('upstream-failed', 'keys-unavailable', why, { 'retry-after': '2' });
      refusal.cause = error;
      throw refusal;
    }
  }

  return {
    of(id) {
      const name = `${id.assetId}/${id.version}`;
      const found = known.get(name);
      if (found && ageMs(found) < freshMs) return found.keys;
      const begun = asking.get(name) ?? ask(name, id).finally(() => asking.delete(name));
      asking.set(name, begun);
      return begun;
    },
  };
}

/** @throws Error when control says something else than keys. */
function parseKeys(answer: unknown): VersionKeys {
  const { keys } = (answer ?? {}) as { readonly keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('control gave no keys');
  return new Map(
    keys.map((entry: unknown) => {
      const { id, key } = (entry ?? {}) as { readonly id?: unknown; readonly key?: unknown };
      const bytes = typeof key === 'string' ? Buffer.from(key, 'base64url') : null;
      if (typeof id !== 'string' || bytes?.length !== keyBytes) throw new Error('control gave a key that is none');
      return [id, bytes];
    }),
  );
}
