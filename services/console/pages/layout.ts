import { type Html, html } from './html.ts';

export interface PageOptions {
  readonly title: string;
  readonly body: Html;
  /** Module scripts below `/static/`. */
  readonly scripts?: readonly string[];
  /** Seconds after which the page loads again; without scripts only, unless `always`. */
  readonly refreshS?: number;
  readonly current?: 'overview' | 'api' | 'errors' | 'configuration';
  /** Shows the button that ends the session. */
  readonly signedIn?: boolean;
}

const links = [
  ['overview', '/', 'Overview'],
  ['api', '/docs', 'API'],
  ['errors', '/docs/errors', 'Errors'],
  ['configuration', '/docs/configuration', 'Configuration'],
] as const;

export const page = (options: PageOptions): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${options.title} · Nightfill</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/style.css">
${options.refreshS !== undefined && html`<noscript><meta http-equiv="refresh" content="${options.refreshS}"></noscript>`}
${(options.scripts ?? []).map((name) => html`<script type="module" src="/static/${name}"></script>`)}
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="top">
<a class="brand" href="/"><img src="/static/icon.svg" alt="" width="24" height="24">Nightfill</a>
<nav aria-label="Main">${links.map(
    ([name, href, label]) =>
      html`<a href="${href}"${name === options.current && html` aria-current="page"`}>${label}</a>`,
  )}</nav>
${options.signedIn && html`<form method="post" action="/sign-out"><button class="quiet">Sign out</button></form>`}
</header>
<main id="main">
${options.body}
</main>
</body>
</html>
`.text;

/** Everything comes from here: no inline script, no other site, no frame around it. */
export function contentSecurityPolicy(extra: Readonly<Record<string, string>> = {}): string {
  const directives: Record<string, string> = {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'img-src': "'self' data:",
    'connect-src': "'self'",
    'form-action': "'self'",
    'base-uri': "'none'",
    'frame-ancestors': "'none'",
    ...extra,
  };
  return Object.entries(directives)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');
}
