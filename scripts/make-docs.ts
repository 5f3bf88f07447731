/** Writes the documentation pages that are made from code: `npm run docs`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configurationPage, errorsPage } from '../shared/platform/documentation.ts';

const docs = join(import.meta.dirname, '..', 'docs');
await writeFile(join(docs, 'configuration.md'), configurationPage());
await writeFile(join(docs, 'errors.md'), errorsPage());
