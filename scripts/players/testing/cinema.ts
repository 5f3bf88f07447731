/** Where films are shown: a store, an appliance that serves it by token, and a web page of another origin. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { makeKey, startAppliance, startControl } from '../../../services/appliance/testing/fleet.ts';
import { makeFolderObjectStore } from '../../../shared/adapters/folder/folder-object-store.ts';
import { openSliceCache } from '../../../shared/adapters/slice-cache/slice-cache.ts';
import type { Manifest } from '../../../shared/domain/manifest.ts';
import type { ObjectStore } from '../../../shared/ports/object-store.ts';
import { makeClipFolder } from '../../../shared/testing/clips.ts';
import { contentKeysOf } from '../../../shared/tokens/content-keys.ts';
import { signPlaybackToken } from '../../../shared/tokens/playback.ts';
import { contentSecrets } from './film.ts';

/** As `POST /v1/playback` gives it. */
export interface Ticket {
  readonly url: string;
  /** Where licences are asked for; null where media are clear. */
  readonly clearKey: string | null;
}

export interface Cinema {
  readonly dir: string;
  readonly store: ObjectStore;
  /** An empty page with a video element. */
  readonly pageUrl: string;
  /** With a token that is good for an hour. */
  ticketTo(manifest: Manifest, form: 'hls' | 'dash'): Promise<Ticket>;
  close(): Promise<void>;
}

export async function openCinema(): Promise<Cinema> {
  const { dir, dispose } = await makeClipFolder();
  const store = makeFolderObjectStore({ root: join(dir, 'store') });
  const control = await startControl();
  const key = await makeKey();
  const openCache = (at: string) => openSliceCache({ dir: at, capacityBytes: 1e9, memoryBytes: 1e7 });
  const appliance = await startAppliance({ id: 'edge', dir: join(dir, 'edge'), control, key, openCache, store });
  const pages = createServer((_request, response) => {
    response
      .writeHead(200, { 'content-type': 'text/html' })
      .end('<!doctype html><link rel="icon" href="data:,"><video>');
  });
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));
  return {
    dir,
    store,
    pageUrl: `http://127.0.0.1:${(pages.address() as AddressInfo).port}/`,
    async ticketTo({ assetId, version, playlists, encryption }, form) {
      const path = playlists[form];
      if (path === null) throw new Error(`${assetId} has no ${form}`);
      const keys = encryption ? contentKeysOf(contentSecrets, { assetId, version }, encryption) : null;
      if (keys) {
        const told = keys.map(({ id, key: bytes }) => ({ id, key: bytes.toString('base64url') }));
        control.contentKeys.set(`${assetId}/${version}`, told);
      }
      const expiresAtS = Math.floor(Date.now() / 1_000) + 3_600;
      const token = await signPlaybackToken({ key, assetId, version, expiresAtS });
      const folder = `${appliance.url}/t/${token}/v/${assetId}/${version}`;
      return { url: `${folder}/${path}`, clearKey: keys && `${folder}/keys/clearkey` };
    },
    async close() {
      pages.closeAllConnections();
      pages.close();
      await appliance.stop();
      await control.goAway();
      await store.close();
      await dispose();
    },
  };
}
