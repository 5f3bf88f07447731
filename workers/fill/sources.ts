/**
 * Where bytes that cross into a region come from. Escalation, for a file that no appliance of the region can give:
 *
 * 1. a healthy shield that holds it, nearest first: made to spare the object store;
 * 2. the object store;
 * 3. while that is away, any healthy appliance of another region that holds it, nearest first.
 *
 * Appliances are asked for what they hold only. Nothing is believed: whoever gets the bytes compares digests, and a
 * source whose bytes were refused is not asked again.
 */
import type { Readable } from 'node:stream';
import type { FillSource } from '../../shared/domain/fill.ts';
import type { ApplianceView } from '../../shared/domain/fleet.ts';
import { parseObjectKey, storeKeys } from '../../shared/domain/keys.ts';
import type { ApplianceApi } from '../../shared/ports/appliance-api.ts';
import { type ByteSpan, type LentPieces, type ObjectStore, ObjectStoreError } from '../../shared/ports/object-store.ts';
import { PushFailure } from './fill-errors.ts';

export interface OpenedSource {
  /** Each piece is right until the next is asked for. */
  readonly body: AsyncIterable<Uint8Array>;
  /** To be called in any case. */
  close(): void;
  readonly source: Exclude<FillSource, 'peer'>;
  /** Its bytes were refused. */
  distrust(): void;
}

export interface Sources {
  /** @throws PushFailure `source-missing`, ObjectStoreError `unavailable` when nobody can give them now. */
  open(key: string, span: ByteSpan | null, signal: AbortSignal): Promise<OpenedSource>;
}

const mostAsked = 3;

export function makeSources(deps: {
  readonly store: Pick<ObjectStore, 'get'>;
  readonly api: Pick<ApplianceApi, 'read'>;
  /** Outside the region and shields, nearest first. */
  readonly elsewhere: () => Promise<readonly ApplianceView[]>;
}): Sources {
  const { store, api, elsewhere } = deps;
  /** `<appliance> <version>` that was not held there, and appliances whose bytes were wrong. */
  const useless = new Set<string>();

  async function fromAppliance(
    role: ApplianceView['role'],
    key: string,
    span: ByteSpan | null,
    signal: AbortSignal,
  ): Promise<OpenedSource | null> {
    const version = key.split('/', 2).join('/');
    const all = (await elsewhere()).filter((one) => one.role === role && one.mode === 'active');
    for (const one of all.filter(({ health }) => health === 'healthy').slice(0, mostAsked)) {
      const name = `${one.id} ${version}`;
      if (useless.has(one.id) || useless.has(name)) continue;
      const body = await api.read(one, key, span, signal).catch(() => {
        signal.throwIfAborted();
        return null;
      });
      if (body) {
        const source = role === 'shield' ? 'shield' : 'other-region';
        return { ...readableOf(body), source, distrust: () => void useless.add(one.id) };
      }
      useless.add(name);
    }
    return null;
  }

  return {
    async open(key, span, signal) {
      const near = await fromAppliance('shield', key, span, signal);
      if (near) return near;
      const parsed = parseObjectKey(key);
      const storeKey = parsed ? storeKeys.media(parsed) : key;
      try {
        const object = await store.get(storeKey, { signal, ...(span ? { range: span } : {}) });
        if (!object) throw new PushFailure('source-missing', `the object store has no ${storeKey}`);
        const opened = object.lend ? lentOf(object.lend()) : readableOf(object.body);
        return { ...opened, source: 'object-store', distrust: () => undefined };
      } catch (error) {
        const away = error instanceof ObjectStoreError && error.code === 'unavailable';
        const other = away ? await fromAppliance('edge', key, span, signal) : null;
        if (other) return other;
        throw error;
      }
    },
  };
}

const lentOf = (pieces: LentPieces): Pick<OpenedSource, 'body' | 'close'> => ({
  body: pieces,
  close: () => void pieces.return().catch(() => undefined),
});

function readableOf(body: Readable): Pick<OpenedSource, 'body' | 'close'> {
  // Nobody hears of it where the body is never begun, and an error that nobody hears ends the process.
  body.on('error', () => undefined);
  return { body, close: () => void body.destroy() };
}
