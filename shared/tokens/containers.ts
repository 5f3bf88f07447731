/**
 * URI containers (RFC 9246 §2.1.15): which addresses a token opens.
 *
 * | form | covers |
 * |------|--------|
 * | `regex:<pattern>` | URIs that the pattern matches from end to end, the narrow reading |
 * | `hash:sha-256;<digest>` | the one URI of that SHA-256, in base64url (RFC 6920 §5) |
 * | `prefix:/v/<assetId>/<version>/…/` | our own: paths below that folder, on any host |
 */
import { hash } from 'node:crypto';

/** `uri` is absolute, normalised and without the token. */
export type Covers = (uri: string) => boolean;

const maxLength = 1_000;
const pathForm = /^https?:\/\/[\w.:[\]-]+(\/.*)$/;
const hashForm = /^sha-256;([A-Za-z0-9_-]{43})$/;
const prefixForm = /^\/v\/(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)+$/;

/** Null for a container that cannot be matched: such a token opens nothing. */
export function readContainer(container: string): Covers | null {
  if (container.length > maxLength) return null;
  const [kind, rest] = [container.slice(0, container.indexOf(':')), container.slice(container.indexOf(':') + 1)];
  if (kind === 'regex') return readPattern(rest);
  if (kind === 'hash') {
    const digest = hashForm.exec(rest)?.[1];
    return digest === undefined ? null : (uri) => hash('sha256', uri, 'base64url') === digest;
  }
  if (kind === 'prefix' && prefixForm.test(rest)) return (uri) => pathForm.exec(uri)?.[1]?.startsWith(rest) ?? false;
  return null;
}

function readPattern(pattern: string): Covers | null {
  try {
    const whole = new RegExp(`^(?:${pattern})$`);
    return (uri) => whole.test(uri);
  } catch {
    return null;
  }
}
