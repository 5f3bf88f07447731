import { createHmac } from 'node:crypto';
import type { Clock } from '../../shared/ports/clock.ts';
import { type JobHandler, UnrecoverableJobError } from '../../shared/ports/job-queue.ts';

export interface DeliverWebhookDependencies {
  readonly url: string;
  readonly secret: string;
  readonly clock: Pick<Clock, 'now'>;
}

export const signatureHeader = 'nightfill-signature';
const timeoutMs = 10_000;

/**
 * `t=<Unix seconds>,v1=<hex>`: an HMAC-SHA-256 of `<t>.<body>`. The time is signed so that a receiver can refuse what is old,
 * and is that of the attempt.
 */
export function sign(body: string, secret: string, nowMs: number): string {
  const t = Math.floor(nowMs / 1_000);
  return `t=${t},v1=${createHmac('sha256', secret).update(`${t}.${body}`).digest('hex')}`;
}

/**
 * Sends one event. Any 2xx is taken as received; 410 says that nobody listens there any more and ends the attempts; all
 * else, a redirect too, is tried again by the queue.
 */
export function makeDeliverWebhook({ url, secret, clock }: DeliverWebhookDependencies): JobHandler<'deliver-webhook'> {
  return async ({ payload: { event }, signal }) => {
    const body = JSON.stringify(event);
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'nightfill-webhook',
        'nightfill-event': event.id,
        [signatureHeader]: sign(body, secret, clock.now()),
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    await response.body?.cancel();
    if (response.status === 410) throw new UnrecoverableJobError('the receiver answers 410 Gone');
    if (!response.ok) throw new Error(`the receiver answers ${response.status}`);
    return { status: response.status };
  };
}
