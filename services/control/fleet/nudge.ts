import { applianceCredential } from '../../../shared/tokens/credentials.ts';
import type { RevocationDeps } from './revocations.ts';

/** Leaves time for the rest of the second in which a revocation is to hold. */
const timeoutMs = 700;

/** Has an appliance ask for its orders now rather than in up to two seconds (docs/internal-api.md). */
export const makeNudge =
  (fleetSecret: string): RevocationDeps['nudge'] =>
  async ({ id, internalUrl }) => {
    const response = await fetch(`${internalUrl}/fill/beat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${applianceCredential(fleetSecret, id)}` },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${id} answered ${response.status}`);
  };
