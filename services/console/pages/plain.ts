/** Pages that say one thing. */

import type { Problem } from '../../../shared/platform/problem.ts';
import { problemTypes } from '../../../shared/platform/problem.ts';
import { settings } from '../../../shared/platform/settings.ts';
import { type Html, html } from './html.ts';

export const signInHtml = (next: string, mistaken: boolean): Html => html`<article class="narrow">
<h1>Sign in</h1>
<p>These pages are for the operator. Give the API key (<code>NIGHTFILL_API_KEY</code>), or send it as <code>Authorization: Bearer …</code>.
With <code>NIGHTFILL_OPEN_WATCH_PAGE=true</code> everybody who can reach this console sees them.</p>
${mistaken && html`<p class="notice" role="alert">That key is not known.</p>`}
<form method="post" action="/sign-in">
<input type="hidden" name="next" value="${next}">
<label for="key">API key</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button>
</form></article>`;

export const problemHtml = (problem: Problem): Html => html`<article class="narrow">
<h1>${problemTypes[problem.code][1]}</h1>
<p>${problem.message}</p>
<p class="why"><a href="/docs/errors#${problem.code}">${problem.code}</a> (${problem.statusCode})</p>
</article>`;

export const errorsHtml = (): Html => html`<article>
<h1>Errors</h1>
<p>Every refusal over HTTP is an <code>application/problem+json</code> document (RFC 9457) with one of these codes. A code never changes its meaning; <code>detail</code> says what was wrong this time and how to mend it.</p>
<div class="table"><table><thead><tr><th scope="col">Code</th><th scope="col" class="num">Status</th><th scope="col">Meaning</th></tr></thead>
<tbody>${Object.entries(problemTypes).map(
  ([code, [status, title]]) =>
    html`<tr id="${code}"><th scope="row" class="nowrap"><code>${code}</code></th><td class="num">${status}</td><td>${title}</td></tr>`,
)}</tbody></table></div></article>`;

export const configurationHtml = (): Html => html`<article>
<h1>Configuration</h1>
<p>Environment variables, read once when a process starts. A mistake ends the process with exit code 78 and one line for each mistake. A process reads only the settings it needs.</p>
<div class="table"><table><thead><tr><th scope="col">Variable</th><th scope="col">What it does</th><th scope="col">Unit and range</th><th scope="col">Default</th></tr></thead>
<tbody>${Object.values(settings).map(
  (setting) =>
    html`<tr><th scope="row" class="nowrap"><code>${setting.env}</code></th><td>${inlineCode(setting.doc)}</td><td>${inlineCode(setting.range)}</td><td>${
      setting.fallbackText === undefined
        ? html`<strong>must be set</strong>`
        : setting.fallbackText === ''
          ? '(empty)'
          : html`<code>${setting.fallbackText}</code>`
    }</td></tr>`,
)}</tbody></table></div></article>`;

/** The tables write code between backticks. */
const inlineCode = (text: string): Html[] =>
  text.split('`').map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
