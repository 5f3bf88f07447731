import type { ApplianceOrders } from '../../shared/domain/fleet.ts';
import { sameSecret } from '../../shared/platform/bearer.ts';
import type { TokenDenial, TokenVerifier } from '../../shared/tokens/playback.ts';

/** Who asks for media: a viewer's session, or another appliance. */
export type Admission =
  | { readonly kind: 'viewer'; readonly sessionId: string }
  | { readonly kind: 'appliance' }
  | { readonly kind: 'denied'; readonly outcome: TokenDenial; readonly detail: string };

export interface AdmissionRequest {
  /** From the path, the query or the cookie, in this order. */
  readonly token: string | null;
  readonly bearer: string | null;
  /** Absolute URI without the token. */
  readonly uri: string;
}

export type Admit = (request: AdmissionRequest, orders: ApplianceOrders) => Promise<Admission>;

/** A bearer that is no pull credential is looked at no further: a viewer's token never travels there. */
export const makeAdmit =
  (verifier: TokenVerifier): Admit =>
  async ({ token, bearer, uri }, orders) => {
    if (bearer !== null && sameSecret(bearer, orders.pullCredential)) return { kind: 'appliance' };
    const verdict = await verifier.verify(token, uri);
    if (verdict.outcome === 'ok') return { kind: 'viewer', sessionId: verdict.sessionId };
    return { kind: 'denied', outcome: verdict.outcome, detail: verdict.detail };
  };
