import type { ApplianceOrders, ApplianceStatus } from '../../../shared/domain/fleet.ts';
import { makeLogger } from '../../../shared/platform/logger.ts';
import { makeMetrics } from '../../../shared/platform/metrics.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import { parseContentSecrets } from '../../../shared/tokens/content-keys.ts';
import { applianceCredential, formatApplianceBearer } from '../../../shared/tokens/credentials.ts';
import { generateTokenKey } from '../../../shared/tokens/keys.ts';
import { makeControlApp } from '../app.ts';
import type { ControlDeps } from '../deps.ts';
import { makeReadInventory } from '../fleet/inventory-client.ts';
import { makeNudge } from '../fleet/nudge.ts';

export const apiKey = 'an-api-key-for-this-test';
export const contentSecret = 'a-content-secret-of-more-than-32-characters';
export const fleetSecret = 'a-fleet-secret-of-more-than-32-characters';

export type Doc = Readonly<Record<string, unknown>> & {
  readonly id?: string;
  readonly code?: string;
  readonly detail?: string;
};

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export type TestControl = Awaited<ReturnType<typeof startControl>>;

type Ports = Pick<ControlDeps, 'fleet' | 'catalogue' | 'documents' | 'demandLog' | 'jobs' | 'checks'>;

/** Control, listening on a free port over the given ports, and a client that holds its key. */
export async function startControl(ports: Ports, clock: Clock) {
  const server = await makeControlApp({
    ...ports,
    logger: makeLogger('control', 'silent'),
    metrics: makeMetrics('control'),
    clock,
    readInventory: makeReadInventory(fleetSecret),
    nudge: makeNudge(fleetSecret),
    settings: {
      fleetSecret,
      apiKey,
      signingKeys: [await generateTokenKey('ES256')],
      contentSecrets: parseContentSecrets(contentSecret),
      defaultRegion: '',
      playbackTtlMs: 3_600_000,
      planLeadMs: 600_000,
      trustProxy: ['127.0.0.1'],
    },
  });
  const base = await server.listen({ host: '127.0.0.1', port: 0 });

  /** A body that is text goes as it is, anything else as JSON. */
  async function call<T = Doc>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer<T>> {
    const json = body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' };
    const response = await fetch(base + path, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, ...json, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  }

  const heartbeat = (id: string, over: Partial<ApplianceStatus> = {}, bearer = bearerOfAppliance(id)) =>
    call<ApplianceOrders & Doc>(
      'POST',
      '/internal/v1/heartbeat',
      { ...statusOf(id), ...over },
      {
        authorization: `Bearer ${bearer}`,
      },
    );

  return { base, call, heartbeat, close: () => server.close() };
}

export const bearerOfAppliance = (id: string): string =>
  formatApplianceBearer(id, applianceCredential(fleetSecret, id));

/** Told on a clock that is a year behind: that does not make an appliance silent. */
const statusOf = (applianceId: string): ApplianceStatus => ({
  applianceId,
  reportedAt: '2025-11-20T14:00:00.000Z',
  startedAt: '2025-11-20T13:00:00.000Z',
  softwareVersion: '0.1.0',
  storedBytes: 5,
  storedObjects: 1,
  pinnedBytes: 5,
  memoryTierBytes: 5,
  servedBps: 0,
  openConnections: 0,
  unfitReason: null,
});
