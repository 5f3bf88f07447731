import type { ApplianceOrders } from '../../shared/domain/fleet.ts';
import { sameSecret } from '../../shared/platform/bearer.ts';
import type { TokenDenial, TokenVerdict, TokenVerifier } from '../../shared/tokens/playback.ts';
import { andThen } from './and-then.ts';

/** Who asks for media: a viewer's session, or another appliance. */
export type Admission =
  | ({ readonly kind: 'viewer' } & Omit<Extract<TokenVerdict, { readonly outcome: 'ok' }>, 'outcome'>)
  | { readonly kind: 'appliance' }
  | { readonly kind: 'denied'; readonly outcome: TokenDenial; readonly detail: string };

export interface AdmissionRequest {
  /** From the path, the query or the cookie, in this order. */
  readonly token: string | null;
  readonly bearer: string | null;
  /** Absolute URI without the token. */
  readonly uri: string;
  /** Address of the caller. */
  readonly ip: string;
}

/** At once where the token was verified before. */
export type Admit = (request: AdmissionRequest, orders: ApplianceOrders) => Admission | Promise<Admission>;

/** A bearer that is no pull credential is looked at no further: a viewer's token never travels there. */
export const makeAdmit =
  (verifier: TokenVerifier): Admit =>
  ({ token, bearer, uri, ip }, orders) => {
    if (bearer !== null && sameSecret(bearer, orders.pullCredential)) return { kind: 'appliance' };
    return andThen(verifier.verify(token, uri, ip), admissionOf);
  };

function admissionOf(verdict: TokenVerdict): Admission {
  if (verdict.outcome !== 'ok') return { kind: 'denied', outcome: verdict.outcome, detail: verdict.detail };
  const { outcome: _ok, ...viewer } = verdict;
  return { kind: 'viewer', ...viewer };
}
