import type { FastifyRequest } from 'fastify';

/** How long a client may go on sending what was refused already. */
const drainMs = 10_000;

/**
 * An `onResponse` hook: reads away what is left of a body that was answered early. A socket closed on a client that is
 * still sending loses the answer in a reset.
 */
export async function drainRequest({ raw }: FastifyRequest): Promise<void> {
  if (raw.complete || raw.destroyed) return;
  raw.unpipe();
  raw.on('error', () => undefined);
  raw.resume();
  const timer = setTimeout(() => raw.destroy(), drainMs);
  raw.once('close', () => clearTimeout(timer));
}
