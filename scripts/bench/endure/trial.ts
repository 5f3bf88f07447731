/** What the trials of an appliance ask and say. */
import { storeKeys } from '../../../shared/domain/keys.ts';
import type { ObjectStore } from '../../../shared/ports/object-store.ts';
import { type Appliance, asOperator, type Site } from './appliance.ts';
import { bytesOf, type Piece, type Title } from './content.ts';
import { version } from './store.ts';

export const pieces = (count: number, sizeBytes: number): Piece[] =>
  Array.from({ length: count }, (_, at) => ({ path: `video/seg-${at}.m4s`, sizeBytes: sizeBytes + at }));

export async function publishTitle(store: ObjectStore, { assetId, files, manifest }: Title): Promise<void> {
  for (const { path, sizeBytes } of files)
    await store.put(storeKeys.media({ assetId, version, path }), bytesOf(`${assetId}/${path}`, sizeBytes));
  await store.put(storeKeys.manifest(assetId, version), manifest);
}

/** What became of the answers of a title. */
export interface Read {
  right: number;
  wrong: number;
  /** Ended before their end. */
  cut: number;
  /** By status. */
  readonly refused: Record<number, number>;
  /** Said to be from the appliance's own disk or memory. */
  held: number;
}

/** Every file of a title, as a viewer gets it, compared byte by byte. */
export async function readTitle(
  site: Pick<Site, 'signed'>,
  appliance: Pick<Appliance, 'get'>,
  { assetId, files }: Pick<Title, 'assetId' | 'files'>,
): Promise<Read> {
  const found: Read = { right: 0, wrong: 0, cut: 0, refused: {}, held: 0 };
  for (const { path, sizeBytes } of files) {
    const answer = await appliance.get(await site.signed(assetId, path));
    const bytes = await answer.arrayBuffer().then(
      (body) => Buffer.from(body),
      () => null,
    );
    if (bytes === null) found.cut += 1;
    else if (answer.status !== 200) found.refused[answer.status] = (found.refused[answer.status] ?? 0) + 1;
    else if (bytes.equals(bytesOf(`${assetId}/${path}`, sizeBytes))) found.right += 1;
    else found.wrong += 1;
    if (/=\S*hit|detail=hit/.test(String(answer.headers.get('cache-status')))) found.held += 1;
  }
  return found;
}

/** Keys of what the appliance holds. */
export async function heldBy(appliance: Pick<Appliance, 'get'>): Promise<string[]> {
  const answer = await appliance.get('/inventory?limit=10000', { headers: asOperator });
  return ((await answer.json()) as { items: { key: string }[] }).items.map(({ key }) => key);
}

/** Says a line for each expectation; ends the process with 1 at `end` where one did not hold. */
export function makeExpectations() {
  let failures = 0;
  return {
    expectThat(isTrue: boolean, what: string): void {
      console.log(`  ${isTrue ? 'ok  ' : 'FAIL'} ${what}`);
      if (!isTrue) failures += 1;
    },
    end(): void {
      if (failures > 0) process.exit(1);
    },
  };
}
