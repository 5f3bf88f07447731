import type { Renewal } from '../../shared/tokens/renewal.ts';
import { type HeaderBlock, headerBlock } from './exchange.ts';

/** `Set-Cookie` with the token that follows; the answer must not be shared, because the cookie is one viewer's. */
export async function renewedCookie(
  renewal: Renewal,
  key: string,
  nowS: number,
  isSecure: boolean,
): Promise<HeaderBlock> {
  const token = await renewal.renew(nowS);
  const path = renewal.cookiePath(`/v/${key}`);
  const parts = [`nf_token=${token}`, `Path=${path}`, `Max-Age=${renewal.lifetimeS}`, 'HttpOnly'];
  // Players run in pages of other origins: only a secure cookie goes along there.
  if (isSecure) parts.push('Secure', 'SameSite=None', 'Partitioned');
  return headerBlock({ 'set-cookie': parts.join('; ') });
}
