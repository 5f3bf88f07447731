import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { objectStoreContract } from '../../testing/object-store-contract.ts';
import { partUploadsContract } from '../../testing/part-uploads-contract.ts';
import { makeFolderObjectStore } from './folder-object-store.ts';
import { makeFolderPartUploads } from './folder-part-uploads.ts';

objectStoreContract('folder', async () => {
  const root = await mkdtemp(join(tmpdir(), 'nightfill-store-'));
  return {
    store: makeFolderObjectStore({ root }),
    other: makeFolderObjectStore({ root }),
    countUnfinished: async () => (await readdir(join(root, 'tmp'))).length,
    dispose: () => rm(root, { recursive: true, force: true }),
  };
});

partUploadsContract('folder', async () => {
  const root = await mkdtemp(join(tmpdir(), 'nightfill-store-'));
  return {
    parts: makeFolderPartUploads({ root }),
    other: makeFolderPartUploads({ root }),
    store: makeFolderObjectStore({ root }),
    countUnfinished: async () => (await readdir(join(root, 'parts'))).length,
    dispose: () => rm(root, { recursive: true, force: true }),
  };
});
