import type { FastifyReply } from 'fastify';
import { contentSecurityPolicy } from '../pages/layout.ts';

/** Sends a page with the headers that every page has. Pages hold what only this viewer may see: nobody keeps them. */
export const sendHtml = (
  reply: FastifyReply,
  text: string,
  options: { readonly status?: number; readonly csp?: string } = {},
): FastifyReply =>
  reply
    .code(options.status ?? 200)
    .headers({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': options.csp ?? contentSecurityPolicy(),
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
    .send(text);
