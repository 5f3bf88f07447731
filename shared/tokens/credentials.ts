/**
 * Credentials between Nightfill's own processes, derived from the fleet secret (docs/internal-api.md): nothing to store,
 * nothing to synchronise, and one appliance's credential says nothing about another's.
 */
import { createHmac } from 'node:crypto';
import { sameSecret } from '../platform/bearer.ts';

const derive = (fleetSecret: string, purpose: string): string =>
  createHmac('sha256', fleetSecret).update(purpose).digest('base64url');

/** Opens the appliance's fill API, and control's internal API when sent as `<id>.<credential>`. */
export const applianceCredential = (fleetSecret: string, applianceId: string): string =>
  derive(fleetSecret, `appliance:${applianceId}`);

/** Opens the reading of media from that appliance, nothing else. */
export const pullCredential = (fleetSecret: string, applianceId: string): string =>
  derive(fleetSecret, `pull:${applianceId}`);

/** What an appliance sends as bearer to control. */
export const formatApplianceBearer = (applianceId: string, credential: string): string =>
  `${applianceId}.${credential}`;

/** Id of the appliance whose bearer this is, or null when it is nobody's. Takes the same time whatever is wrong. */
export function applianceOfBearer(fleetSecret: string, bearer: string): string | null {
  const dot = bearer.indexOf('.');
  const applianceId = bearer.slice(0, Math.max(0, dot));
  const right = sameSecret(bearer.slice(dot + 1), applianceCredential(fleetSecret, applianceId));
  return right && dot > 0 ? applianceId : null;
}
