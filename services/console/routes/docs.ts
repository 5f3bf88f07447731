import type { HttpServer } from '../../../shared/platform/http-server.ts';
import type { ApiClient } from '../api-client.ts';
import { mergeOpenApi, type OpenApiDocument } from '../openapi-merge.ts';
import { html } from '../pages/html.ts';
import { contentSecurityPolicy, page } from '../pages/layout.ts';
import { configurationHtml, errorsHtml } from '../pages/plain.ts';
import { sendHtml } from './send-html.ts';

/** What is documented, for everybody: it says how the API is used, not what is in it. */
export function docsRoutes(server: HttpServer, deps: { readonly api: ApiClient; readonly publicUrl: string }): void {
  const schema = { hide: true };

  server.get('/openapi.json', { schema }, async (request) => {
    const documents = await Promise.all([
      deps.api.get<OpenApiDocument>('ingest', '/openapi.json'),
      deps.api.get<OpenApiDocument>('control', '/openapi.json'),
    ]);
    return mergeOpenApi(documents, deps.publicUrl || `${request.protocol}://${request.host}`);
  });

  server.get('/docs', { schema }, async (_request, reply) =>
    sendHtml(
      reply,
      page({
        title: 'API',
        current: 'api',
        body: html`<link rel="stylesheet" href="/static/swagger/swagger-ui.css"><div id="api" class="api"></div>
<noscript><p class="notice">The reader needs scripts; the description itself is <a href="/openapi.json">openapi.json</a>.</p></noscript>
<script src="/static/swagger/swagger-ui-bundle.js" defer></script><script src="/static/docs.js" defer></script>`,
      }),
      // Swagger UI writes style attributes.
      { csp: contentSecurityPolicy({ 'style-src': "'self' 'unsafe-inline'" }) },
    ),
  );
  server.get('/docs/', { schema }, async (_request, reply) => reply.redirect('/docs', 308));

  server.get('/docs/errors', { schema }, async (_request, reply) =>
    sendHtml(reply, page({ title: 'Errors', current: 'errors', body: errorsHtml() })),
  );

  server.get('/docs/configuration', { schema }, async (_request, reply) =>
    sendHtml(reply, page({ title: 'Configuration', current: 'configuration', body: configurationHtml() })),
  );
}
