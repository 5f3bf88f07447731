import { sameSecret } from '../../../shared/platform/bearer.ts';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import { safeNext } from '../guard.ts';
import { page } from '../pages/layout.ts';
import { signInHtml } from '../pages/plain.ts';
import { makeSession, sessionCookie, sessionTtlMs } from '../session.ts';
import { sendHtml } from './send-html.ts';

const formLimitBytes = 8 * 1024;

/** Gives the API key for a session cookie, and back. */
export async function signInRoutes(server: HttpServer, deps: { readonly apiKey: string; readonly clock: Clock }) {
  server.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, new URLSearchParams(body.toString())),
  );
  const schema = { hide: true };

  server.post('/sign-in', { schema, bodyLimit: formLimitBytes }, async (request, reply) => {
    const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
    const next = safeNext(form.get('next') ?? '/');
    if (!sameSecret(form.get('key') ?? '', deps.apiKey)) {
      return sendHtml(reply, page({ title: 'Sign in', body: signInHtml(next, true) }), { status: 401 });
    }
    const secure = request.protocol === 'https' ? '; Secure' : '';
    const value = makeSession(deps.apiKey, deps.clock.now());
    const maxAge = Math.floor(sessionTtlMs / 1_000);
    reply.header('set-cookie', `${sessionCookie}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure}`);
    return reply.redirect(next, 303);
  });

  server.post('/sign-out', { schema, bodyLimit: formLimitBytes }, async (_request, reply) => {
    reply.header('set-cookie', `${sessionCookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax`);
    return reply.redirect('/', 303);
  });
}
