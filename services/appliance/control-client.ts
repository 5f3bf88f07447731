import { type Dispatcher, request } from 'undici';
import type { TelemetryBatch } from '../../shared/domain/demand.ts';
import type { ApplianceStatus } from '../../shared/domain/fleet.ts';
import type { ObjectKey } from '../../shared/domain/keys.ts';
import { formatApplianceBearer } from '../../shared/tokens/credentials.ts';

/** What an appliance says to control. All calls throw when control cannot be reached. */
export interface ControlClient {
  /** @throws ControlRefusal when control answers with an error. */
  heartbeat(status: ApplianceStatus): Promise<unknown>;
  /** @throws ControlRefusal when control answers with an error. */
  telemetry(batch: TelemetryBatch): Promise<void>;
  /** What other regions asked for since. @throws ControlRefusal when control answers with an error. */
  demandElsewhere(afterMs: number): Promise<unknown>;
  /** The keys of an encrypted version. @throws ControlRefusal when control answers with an error. */
  contentKeys(id: Pick<ObjectKey, 'assetId' | 'version'>): Promise<unknown>;
}

export class ControlRefusal extends Error {
  readonly status: number;

  constructor(status: number, body: string) {
    super(`control answered ${status}: ${body.slice(0, 300)}`);
    this.name = 'ControlRefusal';
    this.status = status;
  }

  /** True when the same request cannot succeed later either. */
  get isFinal(): boolean {
    return this.status === 400 || this.status === 413 || this.status === 422;
  }
}

export interface ControlClientOptions {
  readonly controlUrl: string;
  readonly applianceId: string;
  readonly credential: string;
  readonly dispatcher: Dispatcher;
  readonly timeoutMs: number;
}

export function makeControlClient(options: ControlClientOptions): ControlClient {
  const { controlUrl, applianceId, credential, dispatcher, timeoutMs } = options;

  async function post(path: string, body: unknown): Promise<string> {
    const response = await request(`${controlUrl}/internal/v1/${path}`, {
      method: 'POST',
      dispatcher,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      headers: {
        authorization: `Bearer ${formatApplianceBearer(applianceId, credential)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new ControlRefusal(response.statusCode, text);
    return text;
  }

  return {
    heartbeat: async (status) => JSON.parse(await post('heartbeat', status)) as unknown,
    telemetry: async (batch) => {
      await post('telemetry', batch);
    },
    demandElsewhere: async (afterMs) => JSON.parse(await post('demand-elsewhere', { applianceId, afterMs })) as unknown,
    contentKeys: async ({ assetId, version }) =>
      JSON.parse(await post('content-keys', { applianceId, assetId, version })) as unknown,
  };
}
