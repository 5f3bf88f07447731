/** Writes the documentation pages that are made from other things: `npm run docs`. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configurationPage, errorsPage } from '../shared/platform/documentation.ts';

const docs = join(import.meta.dirname, '..', 'docs');
await writeFile(join(docs, 'configuration.md'), configurationPage());
await writeFile(join(docs, 'errors.md'), errorsPage());
await writeFile(join(docs, 'decisions', 'README.md'), await decisionsPage(join(docs, 'decisions')));

async function decisionsPage(folder: string): Promise<string> {
  const files = (await readdir(folder)).filter((name) => /^\d{4}-.*\.md$/.test(name)).sort();
  const rows = files.map(async (name) => {
    const title = (await readFile(join(folder, name), 'utf8')).split('\n', 1)[0]?.replace(/^# (\d+\. )?/, '');
    return `- [${name.slice(0, 4)}](${name}): ${title}`;
  });
  return [
    '# Decisions',
    '',
    'One file a decision: what was decided, why, what was given up. Never rewritten; a decision that is overturned gets a line',
    'that names its successor. Numbers tell the room: 0–9 the whole, 10–19 forecast to fill, 20–29 appliance, 30–39 control and',
    'console, 40–49 ingest and packaging. This list is made by `npm run docs`.',
    '',
    ...(await Promise.all(rows)),
    '',
  ].join('\n');
}
