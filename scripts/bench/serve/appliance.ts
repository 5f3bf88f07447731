/** Our own server under comparison: the process as it is started in production, with a stand-in for control. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fleetSecret as secret, startControl } from '../../../services/appliance/testing/fleet.ts';
import type { ApplianceOrders } from '../../../shared/domain/fleet.ts';
import { applianceCredential, pullCredential } from '../../../shared/tokens/credentials.ts';
import { generateTokenKey, verificationKey } from '../../../shared/tokens/keys.ts';
import { signPlaybackToken } from '../../../shared/tokens/playback.ts';
import { assetId, version } from './content.ts';
import { cpuSecondsOf, freePort, type Server, serverCore, stopChild } from './servers.ts';

export interface ApplianceUnderTest extends Server {
  /** Paths behind tokens of as many sessions. */
  signed(paths: readonly string[], sessions: number): Promise<string[]>;
}

export interface ApplianceOptions {
  readonly name: string;
  readonly dir: string;
  readonly storeRoot: string;
  readonly memoryTier: string;
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** May use every core. */
  readonly unpinned?: boolean;
  /** What control wants besides; replaces the usual orders. */
  readonly orders?: Partial<ApplianceOrders>;
  /** Arguments for Node itself, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
}

export async function startAppliance(options: ApplianceOptions): Promise<ApplianceUnderTest> {
  const id = 'bench-1';
  const control = await startControl();
  const key = await generateTokenKey();
  control.orders.set(id, {
    applianceId: id,
    regionId: 'bench',
    role: 'edge',
    mode: 'active',
    capacityBytes: 1e12,
    tokenKeys: [verificationKey(key)],
    pullCredential: pullCredential(secret, id),
    upstreams: [],
    ...options.orders,
  });
  const tlsPort = options.certificate ? await freePort() : null;
  const main = join(import.meta.dirname, '../../../services/appliance/main.ts');
  const [command, pin] = options.unpinned ? [process.execPath, []] : ['taskset', ['-c', serverCore, process.execPath]];
  const child = spawn(command, [...pin, ...(options.nodeArgs ?? []), main], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      NIGHTFILL_PORT: '0',
      NIGHTFILL_LOG_LEVEL: 'error',
      NIGHTFILL_APPLIANCE_ID: id,
      NIGHTFILL_APPLIANCE_CREDENTIAL: applianceCredential(secret, id),
      NIGHTFILL_APPLIANCE_DIR: options.dir,
      NIGHTFILL_CONTROL_URL: control.url,
      NIGHTFILL_STORE_URL: `folder:${options.storeRoot}`,
      NIGHTFILL_MEMORY_TIER: options.memoryTier,
      NIGHTFILL_LIMITS_EXEMPT: 'loopback',
      NIGHTFILL_SENDFILE: process.env.NIGHTFILL_SENDFILE ?? 'true',
      ...(options.certificate
        ? {
            NIGHTFILL_TLS_CERTIFICATE: options.certificate.cert,
            NIGHTFILL_TLS_KEY: options.certificate.key,
            NIGHTFILL_TLS_PORT: String(tlsPort),
          }
        : {}),
    },
  });
  const [{ port }] = (await once(child, 'message')) as [{ readonly port: number }];
  const deadline = Date.now() + 20_000;
  while ((await fetch(`http://127.0.0.1:${port}/readyz`)).status !== 200) {
    if (Date.now() > deadline) throw new Error('the appliance does not become ready');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const pid = child.pid ?? 0;
  return {
    name: options.name,
    port,
    tlsPort,
    cpuSeconds: () => cpuSecondsOf(pid),
    async signed(paths, sessions) {
      const expiresAtS = Math.floor(Date.now() / 1_000) + 86_400;
      const tokens = await Promise.all(
        Array.from({ length: sessions }, () => signPlaybackToken({ key, assetId, version, expiresAtS })),
      );
      return tokens.flatMap((token) => paths.map((path) => `/t/${token}/v/${assetId}/${version}/${path}`));
    },
    async stop() {
      await stopChild(child);
      await control.goAway();
    },
  };
}
