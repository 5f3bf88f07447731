/** The appliance as a process, as it is started in production, with a stand-in for control; it may be killed and started again. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fleetSecret, startControl } from '../../../services/appliance/testing/fleet.ts';
import { formatDigest } from '../../../shared/domain/http/digest.ts';
import { applianceCredential, pullCredential } from '../../../shared/tokens/credentials.ts';
import { generateTokenKey, verificationKey } from '../../../shared/tokens/keys.ts';
import { signPlaybackToken } from '../../../shared/tokens/playback.ts';
import { cpuSecondsOf } from '../serve/servers.ts';
import { version } from './store.ts';

const id = 'endure-1';
const credential = applianceCredential(fleetSecret, id);
export const asOperator = { authorization: `Bearer ${credential}` };

export interface Appliance {
  readonly port: number;
  readonly pid: number;
  /** Resident memory now, or the most there was. */
  rssBytes(which?: 'VmRSS' | 'VmHWM'): number;
  get(path: string, init?: RequestInit): Promise<Response>;
  /** Resolves when it has its orders. */
  ready(): Promise<void>;
  /** Of all its threads, so far. */
  cpuSeconds(): number;
  /** Puts an object by the fill API; the status. */
  fill(key: string, bytes: Buffer, sha256: string): Promise<number>;
  /** Resolves when the process is gone. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

export interface Site {
  /** Resolves when the process listens. */
  start(env?: Readonly<Record<string, string>>, nodeArgs?: readonly string[]): Promise<Appliance>;
  /** A path behind a token of a session of its own. */
  signed(assetId: string, path: string): Promise<string>;
  close(): Promise<void>;
}

export async function fillObject(port: number, name: string, bytes: Buffer, sha256: string): Promise<number> {
  const headers = { ...asOperator, 'content-digest': formatDigest(sha256) };
  const body = new Uint8Array(bytes);
  const answer = await fetch(`http://127.0.0.1:${port}/fill/objects/${name}`, { method: 'PUT', body, headers });
  await answer.arrayBuffer();
  return answer.status;
}

/** @param capacityBytes what control says may be used. */
export async function openSite(dir: string, capacityBytes = 1e12): Promise<Site> {
  const control = await startControl();
  const key = await generateTokenKey();
  control.orders.set(id, {
    applianceId: id,
    regionId: 'bench',
    role: 'edge',
    mode: 'active',
    capacityBytes,
    tokenKeys: [verificationKey(key)],
    pullCredential: pullCredential(fleetSecret, id),
    upstreams: [],
  });
  const running = new Set<Appliance>();
  const main = join(import.meta.dirname, '../../../services/appliance/main.ts');
  return {
    async start(env = {}, nodeArgs = []) {
      const child = spawn(process.execPath, [...nodeArgs, main], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        env: {
          PATH: process.env.PATH,
          NIGHTFILL_PORT: '0',
          NIGHTFILL_LOG_LEVEL: 'error',
          NIGHTFILL_APPLIANCE_ID: id,
          NIGHTFILL_APPLIANCE_CREDENTIAL: credential,
          NIGHTFILL_APPLIANCE_DIR: dir,
          NIGHTFILL_CONTROL_URL: control.url,
          NIGHTFILL_LIMITS_EXEMPT: 'loopback',
          ...env,
        },
      });
      const [message] = (await Promise.race([
        once(child, 'message'),
        once(child, 'exit').then(([code]) => Promise.reject(new Error(`the appliance ended with ${code}`))),
      ])) as [{ readonly port: number }];
      const base = `http://127.0.0.1:${message.port}`;
      const pid = child.pid ?? 0;
      const appliance: Appliance = {
        port: message.port,
        pid,
        rssBytes(which = 'VmRSS') {
          const text = readFileSync(`/proc/${pid}/status`, 'utf8');
          return Number(new RegExp(`${which}:\\s+(\\d+)`).exec(text)?.[1] ?? 0) * 1_024;
        },
        get: (path, init) => fetch(`${base}${path}`, init),
        async ready() {
          while (!(await fetch(`${base}/readyz`)).ok) await delay(20);
        },
        cpuSeconds: () => cpuSecondsOf(pid),
        fill: (name, bytes, sha256) => fillObject(message.port, name, bytes, sha256),
        async end(signal) {
          running.delete(appliance);
          if (child.exitCode !== null || child.signalCode !== null) return;
          child.kill(signal);
          await once(child, 'exit');
        },
      };
      running.add(appliance);
      return appliance;
    },
    async signed(assetId, path) {
      const expiresAtS = Math.floor(Date.now() / 1_000) + 86_400;
      const token = await signPlaybackToken({ key, assetId, version, expiresAtS });
      return `/t/${token}/v/${assetId}/${version}/${path}`;
    },
    async close() {
      for (const appliance of running) await appliance.end('SIGKILL');
      await control.goAway();
    },
  };
}
