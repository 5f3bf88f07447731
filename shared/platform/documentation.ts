/** The pages that are made from tables in code, so that neither can drift: settings and error codes. */
import { problemTypes } from './problem.ts';
import { settings } from './settings.ts';

/** `docs/configuration.md` */
export function configurationPage(): string {
  const rows = Object.values(settings).map((setting) => {
    const fallback =
      setting.fallbackText === undefined
        ? '**must be set**'
        : setting.fallbackText === ''
          ? '(empty)'
          : `\`${setting.fallbackText}\``;
    return `| \`${setting.env}\` | ${setting.doc} | ${setting.range} | ${fallback} |`;
  });
  return [
    '# Configuration',
    '',
    'Environment variables, read once when a process starts. A mistake ends the process with exit code 78 and one line for',
    'each mistake. A process reads only the settings it needs. Made from `shared/platform/settings.ts` by `npm run docs`.',
    '',
    '| variable | what it does | unit and range | default |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** `docs/errors.md` */
export function errorsPage(): string {
  const rows = Object.entries(problemTypes).map(
    ([code, [status, title]]) => `| <a id="${code}"></a>\`${code}\` | ${status} | ${title} |`,
  );
  return [
    '# Errors',
    '',
    'Every refusal over HTTP is an `application/problem+json` document (RFC 9457) with one of these codes. A code never changes',
    'its meaning; `detail` says what was wrong this time and how to mend it. Made from `shared/platform/problem.ts` by `npm run docs`.',
    '',
    '| code | status | meaning |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
