/**
 * The compose file without a Docker engine: each service's own command, started by hand with the file's environment,
 * secrets and volumes, against a real Redis and a real S3 server. Only host names become loopback ports.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ApplianceView } from '../../shared/domain/fleet.ts';
import { makeClip } from '../../shared/testing/clips.ts';
import { startS3Server } from '../../shared/testing/s3-server.ts';
import { playThrough } from '../demo/player.ts';

interface VolumeMount {
  readonly source: string;
  readonly target: string;
  readonly volume?: { readonly subpath?: string };
}

interface Service {
  readonly image: string;
  readonly command: readonly string[];
  /** Null: what the shell says, if it says anything. */
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly volumes?: readonly (string | VolumeMount)[];
  readonly healthcheck?: { readonly disable?: boolean; readonly test?: unknown };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly ports?: readonly string[];
}

const root = join(import.meta.dirname, '..', '..');
const text = await readFile(join(root, 'docker-compose.yml'), 'utf8');
const file = parse(text, { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(file.services);
const longRunning = (service: Service) =>
  service.image.startsWith('nightfill:') && service.command[1]?.endsWith('main.ts');

describe('docker-compose.yml', () => {
  it('names only volumes and services that it declares', () => {
    for (const [name, service] of services) {
      for (const dependency of Object.keys(service.depends_on ?? {}))
        expect(file.services, name).toHaveProperty(dependency);
      for (const volume of service.volumes ?? []) {
        const source = typeof volume === 'string' ? volume.split(':')[0] : volume.source;
        expect(Object.keys(file.volumes), name).toContain(source);
      }
    }
  });

  it('checks the health of everything that keeps running', () => {
    for (const [name, service] of services) {
      if (service.image.startsWith('nightfill:')) {
        expect(service.healthcheck?.disable ?? false, name).toBe(!longRunning(service));
      } else {
        expect(service.healthcheck?.test, name).toBeDefined();
      }
    }
  });

  it('holds no secret: every one comes from a file of the secrets volume', () => {
    for (const [name, service] of services) {
      for (const [variable, value] of Object.entries(service.environment ?? {})) {
        if (/KEY|SECRET|PASSWORD|CREDENTIAL/.test(variable)) {
          expect(variable, name).toMatch(/_FILE$/);
          expect(value, name).toMatch(/^\/secrets\//);
        }
      }
    }
  });

  it('gives no appliance the fleet secret, and no edge a key of the store', () => {
    for (const [name, { command, volumes }] of services.filter(([, it]) => it.command[1]?.includes('appliance'))) {
      const subpaths = (volumes ?? []).flatMap((volume) =>
        typeof volume === 'string' ? [] : [volume.volume?.subpath],
      );
      expect(command[0], name).toBe('node');
      expect(subpaths, name).toEqual(
        name.startsWith('shield') ? ['store-client', `appliance-${name}`] : [`appliance-${name}`],
      );
    }
  });

  it('opens ports to this machine only', () => {
    for (const [name, { ports }] of services)
      for (const port of ports ?? []) expect(port, name).toMatch(/^127\.0\.0\.1:/);
  });
});

const s3 = await startS3Server();
if ('unavailable' in s3) console.warn(`the composed services are not run against S3: ${s3.unavailable}`);

describe.skipIf('unavailable' in s3)('the services of docker-compose.yml, started by hand', () => {
  if ('unavailable' in s3) return;
  let dir: string;
  const children: ChildProcess[] = [];
  const ports = new Map<string, number>();
  let output = '';

  /** Container paths become folders of this test, container names become loopback ports. */
  const here = (service: Service, value: string): string => {
    let mapped = value;
    for (const volume of service.volumes ?? []) {
      const mount = typeof volume === 'string' ? parseShort(volume) : volume;
      const folder = join(dir, mount.source, mount.volume?.subpath ?? '');
      mapped = mapped.replaceAll(new RegExp(`${mount.target}(?=/|$)`, 'g'), folder);
    }
    mapped = mapped.replace('http://store:8333/nightfill', `${s3.endpoint}/compose-${process.pid}`);
    mapped = mapped.replace(/\bredis:6379/, `127.0.0.1:${ports.get('redis')}`);
    for (const [name, port] of ports) mapped = mapped.replace(`//${name}:8080`, `//127.0.0.1:${port}`);
    return mapped;
  };

  const start = (name: string, extra: readonly string[] = []): ChildProcess => {
    const service = file.services[name];
    if (!service) throw new Error(`no service ${name}`);
    const [program = '', ...args] = service.command.map((argument) => here(service, argument));
    const child = spawn(program === 'node' ? process.execPath : program, [...args, ...extra], {
      cwd: root,
      env: {
        PATH: process.env.PATH ?? '',
        NIGHTFILL_HOST: '127.0.0.1',
        NIGHTFILL_PORT: String(ports.get(name) ?? 0),
        NIGHTFILL_SCRATCH_DIR: join(dir, `${name}-scratch`),
        NIGHTFILL_APPLIANCE_DIR: join(dir, `${name}-appliance`),
        ...Object.fromEntries(
          Object.entries(service.environment ?? {})
            .flatMap(([variable, value]) => (value === null ? [] : [[variable, value] as const]))
            .map(([variable, value]) => [variable, here(service, String(value))]),
        ),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        output = `${output}${chunk}`.slice(-20_000);
      });
    }
    children.push(child);
    return child;
  };

  const once0 = async (name: string): Promise<void> => {
    const [code] = await once(start(name), 'exit');
    if (code !== 0) throw new Error(`${name} ended with ${code}:\n${output}`);
  };

  const ready = async (name: string): Promise<void> => {
    const deadline = Date.now() + 40_000;
    for (;;) {
      const response = await fetch(`http://127.0.0.1:${ports.get(name)}/readyz`).catch(() => null);
      if (response?.ok) return;
      if (Date.now() > deadline)
        throw new Error(`${name}: ${response ? await response.text() : 'no answer'}\n${output}`);
      await delay(100);
    }
  };

  const apiKey = () => readFile(join(dir, 'secrets/api/api-key'), 'utf8');
  const console_ = () => `http://127.0.0.1:${ports.get('console')}`;
  const call = async (path: string, init: RequestInit = {}): Promise<unknown> => {
    const headers = { authorization: `Bearer ${await apiKey()}`, ...init.headers };
    const response = await fetch(console_() + path, { ...init, headers });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return response.json();
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'nightfill-compose-'));
    for (const [name] of services) ports.set(name, await freePort());
    await mkdir(join(dir, 'secrets/store-client'), { recursive: true });
    await writeFile(join(dir, 'secrets/store-client/access-key'), s3.accessKeyId);
    await writeFile(join(dir, 'secrets/store-client/secret-key'), s3.secretAccessKey);
    await once0('secrets');
    await mkdir(join(dir, 'redis'));
    start('redis', ['--port', String(ports.get('redis')), '--bind', '127.0.0.1']);
    start('control');
    await ready('control');
    for (const [name, service] of services) if (longRunning(service) && name !== 'control') start(name);
    await once0('fleet');
    for (const [name, service] of services) if (longRunning(service)) await ready(name);
  }, 120_000);

  afterAll(async () => {
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await Promise.race([once(child, 'exit'), delay(15_000).then(() => child.kill('SIGKILL'))]);
    }
    await s3.stop();
    await rm(dir, { recursive: true, force: true });
  }, 60_000);

  it('all become ready, and the fleet is healthy', async () => {
    const { items } = (await call('/v1/appliances')) as { items: ApplianceView[] };
    expect(items.map(({ id, health }) => `${id} ${health}`).sort()).toEqual(
      ['berlin-1', 'berlin-2', 'newyork-1', 'shield-1', 'tokyo-1'].map((id) => `${id} healthy`),
    );
  });

  it('take a video, make it, and play it out of the bucket through edge and shield', async () => {
    const clip = await makeClip(dir, 'clip.mp4', { seconds: 3 });
    const form = new FormData();
    form.append('title', 'Composed');
    form.append('profile', 'preview');
    form.append('file', new Blob([await readFile(clip)]), 'clip.mp4');
    const { id } = (await call('/v1/assets', { method: 'POST', body: form })) as { id: string };
    const deadline = Date.now() + 60_000;
    let state = '';
    while (state !== 'published') {
      const asset = (await call(`/v1/assets/${id}`)) as { state: string; failure: unknown };
      state = asset.state;
      if (state === 'failed' || Date.now() > deadline) throw new Error(`${JSON.stringify(asset)}\n${output}`);
      await delay(200);
    }
    const { hls } = (await call('/v1/playback', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ assetId: id, region: 'ap-tokyo' }),
    })) as { hls: string };
    // the published port of the container is the appliance's own port here
    const url = hls.replace(/^http:\/\/localhost:\d+/, `http://127.0.0.1:${ports.get('tokyo-1')}`);
    // The edge learns with its next heartbeat that the shield is well.
    await expect.poll(async () => (await fetch(url)).status, { timeout: 10_000 }).toBe(200);
    const first = await playThrough(url, AbortSignal.timeout(20_000));
    expect(first.outcomes.get('pull-shield')).toBeGreaterThan(0);
    const second = await playThrough(url, AbortSignal.timeout(20_000));
    expect([...second.outcomes.keys()].filter((outcome) => !outcome.startsWith('hit-'))).toEqual([]);
  }, 90_000);
});

function parseShort(volume: string): VolumeMount {
  const [source = '', target = ''] = volume.split(':');
  return { source, target };
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
