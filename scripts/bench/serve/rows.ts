/** The rows of the comparison: what is asked of whom. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ApplianceUnderTest, startAppliance } from './appliance.ts';
import type { LoadOrder } from './client.ts';
import { assetId, type Content, version } from './content.ts';
import { load, loadHttp2, loadSmall } from './load.ts';
import { certificate, type Server, startNginx, startVarnish } from './servers.ts';
import type { Round } from './table.ts';

export interface BenchContext {
  readonly dir: string;
  readonly storeRoot: string;
  readonly content: Content;
  readonly only: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly profileDir: string | null;
}

interface Row {
  readonly paths: (content: Content) => readonly string[];
  readonly connections: number;
  readonly memoryTier: string;
  readonly small?: true;
  readonly tls?: true;
  readonly http2?: true;
  readonly rangeBytes?: number;
  readonly withVarnish: boolean;
}

const rows = {
  'memory-16': { paths: (c) => c.segments, connections: 16, memoryTier: '512MiB', withVarnish: true },
  'memory-256': { paths: (c) => c.segments, connections: 256, memoryTier: '512MiB', withVarnish: true },
  'disk-16': { paths: (c) => c.segments, connections: 16, memoryTier: '0', withVarnish: false },
  'disk-256': { paths: (c) => c.segments, connections: 256, memoryTier: '0', withVarnish: false },
  'tls-16': { paths: (c) => c.segments, connections: 16, memoryTier: '512MiB', tls: true, withVarnish: false },
  'http2-16': {
    paths: (c) => c.segments,
    connections: 16,
    memoryTier: '512MiB',
    tls: true,
    http2: true,
    withVarnish: false,
  },
  playlists: { paths: (c) => c.playlists, connections: 64, memoryTier: '512MiB', small: true, withVarnish: true },
  ranges: { paths: (c) => [c.single], connections: 16, memoryTier: '256MiB', rangeBytes: 65_536, withVarnish: false },
} as const satisfies Record<string, Row>;

export type RowName = keyof typeof rows | 'latency' | 'cold';
export const rowNames: readonly RowName[] = [...(Object.keys(rows) as (keyof typeof rows)[]), 'latency', 'cold'];

/** Sessions that take turns, so that tokens are many and their table works. */
const sessions = 50;
const clientsOfOneMiss = 1_000;

export async function measure(name: RowName, context: BenchContext): Promise<Round[]> {
  if (name === 'cold') return measureCold(context);
  if (name === 'latency') return measureLatency(context);
  const row: Row = rows[name];
  return withServers(row, context, async (servers) => {
    const orders = servers.map(({ server, targets }) => ({ server, order: orderOf(row, context, server, targets) }));
    const run = (order: LoadOrder) => {
      if (row.http2) return loadHttp2(context.dir, order);
      return row.small || row.tls ? loadSmall(context.dir, order) : load(order);
    };
    const rounds: Round[] = [];
    for (let round = 0; round < context.rounds; round += 1) {
      for (const { server, order } of orders) rounds.push(await timed(server, () => run(order)));
    }
    return rounds;
  });
}

/** Time to first byte at 70% of what each server itself can do. */
async function measureLatency(context: BenchContext): Promise<Round[]> {
  const row: Row = rows['memory-16'];
  return withServers(row, context, async (servers) => {
    const rounds: Round[] = [];
    const full: number[] = [];
    for (const { server, targets } of servers) {
      const { requests, seconds } = await load(orderOf(row, context, server, targets));
      full.push(requests / seconds);
    }
    // The same work for all: of the slowest one's capacity.
    const perSecond = 0.7 * Math.min(...full);
    for (let round = 0; round < context.rounds; round += 1) {
      for (const { server, targets } of servers)
        rounds.push(await timed(server, () => load({ ...orderOf(row, context, server, targets), perSecond })));
    }
    return rounds;
  });
}

/** A thousand clients at once on a segment that nobody has: one upstream request, and how long until all have it. */
async function measureCold(context: BenchContext): Promise<Round[]> {
  const { content, rounds, dir } = context;
  rmSync(join(dir, 'appliance'), { recursive: true, force: true });
  const rounded: Round[] = [];
  await withServers({ ...rows['memory-16'], paths: () => [] }, context, async (servers) => {
    for (let round = 0; round < rounds; round += 1) {
      for (const { server } of servers) {
        if (server.name.startsWith('nginx')) continue;
        const path = content.cold[round] ?? '';
        const targets =
          'signed' in server
            ? await (server as ApplianceUnderTest).signed([path], sessions)
            : [`/v/${assetId}/${version}/${path}`];
        const order = { ...orderOf(rows['memory-16'], context, server, targets), connections: clientsOfOneMiss };
        const before = await upstreamOf(server);
        const result = await timed(server, () => load({ ...order, once: true, seconds: 20 }));
        const after = await upstreamOf(server);
        rounded.push({ ...result, upstreamRequests: after === null || before === null ? null : after - before });
      }
    }
    return rounded;
  });
  return rounded;
}

/** What our metrics say; Varnish is not asked. */
async function upstreamOf(server: Server): Promise<number | null> {
  if (!('signed' in server)) return null;
  const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  const lines = text.matchAll(/^nightfill_upstream_requests_total\{.*\} (\d+)$/gm);
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}

function orderOf(row: Row, context: BenchContext, server: Server, targets: readonly string[]): LoadOrder {
  return {
    port: (row.tls && server.tlsPort) || server.port,
    tls: row.tls ?? false,
    connections: row.connections,
    seconds: context.seconds,
    targets,
    range: row.rangeBytes ? { lengthBytes: row.rangeBytes, ofBytes: context.content.singleBytes } : null,
    perSecond: null,
    once: false,
  };
}

async function timed(server: Server, work: () => Promise<Omit<Round, 'server' | 'cpuSeconds' | 'upstreamRequests'>>) {
  const before = server.cpuSeconds();
  const result = await work();
  return { ...result, server: server.name, cpuSeconds: server.cpuSeconds() - before, upstreamRequests: null };
}

interface Target {
  readonly server: Server;
  readonly targets: readonly string[];
}

/** Starts the servers of a row, lets each hold all it will be asked for, and stops them. */
async function withServers(row: Row, context: BenchContext, work: (servers: readonly Target[]) => Promise<Round[]>) {
  const { dir, storeRoot, content, only, profileDir } = context;
  const assets = join(storeRoot, 'objects', 'assets');
  const paths = row.paths(content);
  const plain = paths.map((path) => `/v/${assetId}/${version}/${path}`);
  const started: Target[] = [];
  try {
    if (only.includes('nginx') || only.includes('varnish')) {
      for (const mode of ['nginx sendfile', 'nginx buffers'] as const)
        started.push({ server: await startNginx(mode, dir, assets), targets: plain });
    }
    if (only.includes('varnish') && row.withVarnish)
      started.push({ server: await startVarnish(dir, started[0]?.server.port ?? 0), targets: plain });
    if (only.includes('appliance')) {
      const home = join(dir, 'appliance');
      mkdirSync(home, { recursive: true });
      const nodeArgs = profileDir ? ['--cpu-prof', `--cpu-prof-dir=${profileDir}`] : [];
      const appliance = await startAppliance({
        name: 'appliance',
        dir: home,
        storeRoot,
        memoryTier: row.memoryTier,
        nodeArgs,
        ...(row.tls ? { certificate: certificate(dir) } : {}),
      });
      started.push({ server: appliance, targets: await appliance.signed(paths, sessions) });
    }
    const loaded = started.filter(({ server }) => only.includes('nginx') || !server.name.startsWith('nginx'));
    for (const { server, targets } of loaded) await warm(server, targets.slice(0, paths.length), row);
    return await work(loaded);
  } finally {
    for (const { server } of started) await server.stop();
  }
}

/** Twice: what was pulled the first time is read from the disk the second time, and stays in memory. */
async function warm(server: Server, targets: readonly string[], row: Row): Promise<void> {
  for (let time = 0; time < (row.rangeBytes ? 1 : 2); time += 1) {
    for (const target of targets) {
      const response = await fetch(`http://127.0.0.1:${server.port}${target}`);
      for await (const _chunk of response.body ?? []) {
        // Only that it comes.
      }
      if (response.status !== 200) throw new Error(`${server.name} answers ${response.status} to ${target}`);
    }
  }
}
