/**
 * What control wants of this appliance, and what the appliance says of itself.
 *
 * | phase   | how it gets there | media |
 * |---------|-------------------|-------|
 * | none    | first start, control not reached yet | 503 `not-ready` |
 * | kept    | orders of an earlier run, read from disk | served |
 * | current | control answered a heartbeat | served |
 *
 * Control may stay away for as long as it likes: kept orders do not age.
 */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { type ApplianceOrders, type ApplianceStatus, heartbeatIntervalMs } from '../../shared/domain/fleet.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { ControlClient } from './control-client.ts';
import type { StateFile } from './state-file.ts';

const shape = Type.Object({
  applianceId: Type.String(),
  regionId: Type.String(),
  role: Type.Union([Type.Literal('edge'), Type.Literal('shield')]),
  mode: Type.Union([Type.Literal('active'), Type.Literal('draining'), Type.Literal('disabled')]),
  capacityBytes: Type.Number({ minimum: 0 }),
  tokenKeys: Type.Array(
    Type.Object({
      kid: Type.String(),
      alg: Type.Union([Type.Literal('HS256'), Type.Literal('ES256')]),
      kty: Type.Union([Type.Literal('oct'), Type.Literal('EC')]),
    }),
  ),
  revokedSessions: Type.Optional(Type.Array(Type.String(), { maxItems: 100_000 })),
  hiddenAssets: Type.Optional(Type.Array(Type.String(), { maxItems: 100_000 })),
  topUp: Type.Optional(Type.Object({ bytesPerDay: Type.Number({ minimum: 0 }), rateBps: Type.Number({ minimum: 0 }) })),
  weight: Type.Optional(Type.Number({ minimum: 0 })),
  pullCredential: Type.String({ minLength: 16 }),
  upstreams: Type.Array(
    Type.Object({
      kind: Type.Union([Type.Literal('peer'), Type.Literal('shield')]),
      applianceId: Type.String(),
      url: Type.String(),
      credential: Type.String(),
      weight: Type.Number(),
    }),
  ),
});

export const parseOrders = (value: unknown): ApplianceOrders | null =>
  Value.Check(shape, value) ? (value as unknown as ApplianceOrders) : null;

export interface OrdersDeps {
  readonly applianceId: string;
  readonly control: Pick<ControlClient, 'heartbeat'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly file: StateFile<ApplianceOrders>;
  readonly status: () => ApplianceStatus;
  /** Called with every change before the orders count, and once with kept ones. */
  readonly apply: (orders: ApplianceOrders) => Promise<void>;
}

export interface Orders {
  current(): ApplianceOrders | null;
  /** One heartbeat, after one that is on its way; resolves false when control could not be reached or refused. */
  beat(): Promise<boolean>;
  /** Beats until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export async function openOrders(deps: OrdersDeps): Promise<Orders> {
  const { applianceId, control, clock, logger, file, status, apply } = deps;
  let orders: ApplianceOrders | null = null;
  let away = '';

  async function accept(next: ApplianceOrders): Promise<void> {
    if (JSON.stringify(next) === JSON.stringify(orders)) return;
    await apply(next);
    orders = next;
  }

  const kept = await file.read();
  // A folder that was copied from another appliance must not make this one speak in its name.
  if (kept?.applianceId === applianceId) await accept(kept);

  async function beatOnce(): Promise<boolean> {
    try {
      const next = parseOrders(await control.heartbeat(status()));
      if (!next) throw new Error('control answered with orders that cannot be read');
      const before = orders;
      await accept(next);
      if (before !== orders) await file.write(next);
      if (away) logger.info('control is back');
      away = '';
      return true;
    } catch (error) {
      const { message } = error as Error;
      // Once an outage, not every two seconds.
      if (message !== away) logger.warn({ err: error, ordersKept: orders !== null }, 'heartbeat failed');
      away = message || 'unknown';
      return false;
    }
  }

  // One after the other: an answer that was on its way must not undo a newer one.
  let beating: Promise<boolean> = Promise.resolve(true);
  const beat = (): Promise<boolean> => {
    beating = beating.then(beatOnce);
    return beating;
  };

  return {
    current: () => orders,
    beat,
    async run(signal) {
      while (!signal.aborted) {
        await beat();
        await clock.sleep(heartbeatIntervalMs, signal).catch(() => {});
      }
    },
  };
}
