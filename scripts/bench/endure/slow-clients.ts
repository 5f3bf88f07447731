/**
 * Very many clients that hardly read, and what it costs the others: `node scripts/bench/endure/slow-clients.ts --help`.
 *
 * One process with the clients, from many addresses of the loopback, in five kinds: some ask for 8 MB and read nothing,
 * some read a few bytes a second, some send their request byte by byte, some send nothing at all, and some stay
 * after a small answer. A few ask over HTTP/2 and never open their window. Meanwhile an ordinary viewer asks for a small segment
 * again and again.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { sliceSizeBytes } from '../../../shared/domain/manifest.ts';
import { certificate, freePort } from '../serve/servers.ts';
import { openSite } from './appliance.ts';
import { fillTitle, makeTitle } from './content.ts';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '10000' },
    http2: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '90' },
    'answer-memory': { type: 'string', default: '256MiB' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(`node scripts/bench/endure/slow-clients.ts [options]
  --clients 10000          connections of HTTP/1.1; needs more open files than that (ulimit -n)
  --http2 200              streams of HTTP/2 with closed windows, on a tenth as many connections
  --seconds 90             for how long
  --answer-memory 256MiB   NIGHTFILL_ANSWER_MEMORY`);
  process.exit(0);
}
const clients = Number(values.clients);
const streams = Number(values.http2);
const dir = mkdtempSync(join(tmpdir(), 'nightfill-slow-'));
mkdirSync(dir, { recursive: true });
const site = await openSite(join(dir, 'appliance'));
const tlsPort = await freePort();
const { cert, key } = certificate(dir);
const appliance = await site.start({
  NIGHTFILL_ANSWER_MEMORY: values['answer-memory'],
  NIGHTFILL_MEMORY_TIER: '64MiB',
  NIGHTFILL_TLS_CERTIFICATE: cert,
  NIGHTFILL_TLS_KEY: key,
  NIGHTFILL_TLS_PORT: String(tlsPort),
  NIGHTFILL_LIMITS_EXEMPT: '',
});

const large = Array.from({ length: 40 }, (_, i) => ({ path: `video/large-${i}.mp4`, sizeBytes: 2 * sliceSizeBytes }));
const small = { path: 'video/small.m4s', sizeBytes: 50_000 };
const counts = new Map<string, number>();
const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
const sockets = new Set<net.Socket>();
let over = false;
const paths = await Promise.all(large.map(({ path }) => site.signed('film', path)));
const smallPath = await site.signed('film', small.path);
const kinds = ['reads nothing', 'trickles', 'slow head', 'says nothing', 'stays idle'] as const;

function connect(at: number): void {
  const kind = kinds[at % kinds.length] ?? 'trickles';
  const localAddress = `127.0.${1 + Math.floor(at / 250 / 250)}.${1 + (Math.floor(at / 250) % 250)}`;
  const socket = net.connect({ port: appliance.port, host: '127.0.0.1', localAddress });
  sockets.add(socket);
  let first = true;
  socket.on('error', () => {});
  socket.on('close', () => {
    sockets.delete(socket);
    if (!over) count(`${kind}: closed by the appliance`);
  });
  const timer = setInterval(() => {
    if (kind === 'trickles') socket.read(200);
    if (kind === 'slow head') socket.write('x');
  }, 2_000);
  socket.once('close', () => clearInterval(timer));
  const request = `GET ${kind === 'stays idle' ? smallPath : paths[at % paths.length]} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  socket.once('connect', () => {
    if (kind === 'slow head') socket.write('GET /t');
    else if (kind !== 'says nothing') socket.write(request);
  });
  const onBytes = (chunk: Buffer | null): void => {
    if (!chunk || !first) return;
    first = false;
    const text = chunk.toString('latin1', 0, 2_000);
    count(
      `${kind}: ${text.slice(9, 12)}${text.startsWith('HTTP/1.1 503') ? (/\r\nretry-after: \d/i.test(text) ? ' with Retry-After' : ' WITHOUT Retry-After') : ''}`,
    );
  };
  if (kind === 'stays idle' || kind === 'slow head') socket.on('data', onBytes);
  else socket.once('readable', () => onBytes(socket.read(Math.min(1_500, socket.readableLength))));
}

const kernelBytes = (): number =>
  Number(/TCP: .* mem (\d+)/.exec(readFileSync('/proc/net/sockstat', 'utf8'))?.[1] ?? 0) * 4_096;
const metric = (text: string, name: string): number =>
  [...text.matchAll(new RegExp(`^${name}(?:{[^}]*})? ([\\d.e+]+)`, 'gm'))].reduce((sum, [, n]) => sum + Number(n), 0);

const waits: number[] = [];
const viewerStatus = new Map<string, number>();
let isWatching = true;
async function watch(): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  while (isWatching) {
    const askedMs = performance.now();
    const outcome = await new Promise<string>((resolve) => {
      const request = http.get({ port: appliance.port, host: '127.0.0.1', path: smallPath, agent }, (answer) => {
        answer.once('readable', () => waits.push(performance.now() - askedMs));
        let length = 0;
        answer.on('data', (chunk: Buffer) => {
          length += chunk.length;
        });
        answer.on('end', () => resolve(length === small.sizeBytes ? 'served' : String(answer.statusCode)));
      });
      request.setTimeout(10_000, () => request.destroy());
      request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    viewerStatus.set(outcome, (viewerStatus.get(outcome) ?? 0) + 1);
    await delay(20);
  }
  agent.destroy();
}

const quantile = (values: number[], q: number): number =>
  values.sort((a, b) => a - b)[Math.floor(values.length * q)] ?? 0;
const report = (what: string): void => {
  const outcomes = [...viewerStatus].map(([outcome, n]) => `${n} ${outcome}`).join(', ');
  console.log(
    `${what}: a viewer waits ${quantile(waits, 0.5).toFixed(1)} ms, p99 ${quantile(waits, 0.99).toFixed(1)} ms (${outcomes})`,
  );
  waits.length = 0;
  viewerStatus.clear();
};

try {
  await appliance.ready();
  await fillTitle(appliance, makeTitle('film', [...large, small]));
  const viewer = watch();
  await delay(5_000);
  report('before');
  const startedMs = performance.now();
  for (let at = 0; at < clients; at += 1) {
    connect(at);
    if (at % 100 === 99) await delay(20);
  }
  const sessions = Array.from({ length: Math.ceil(streams / 10) }, () => {
    const session = http2.connect(`https://127.0.0.1:${tlsPort}`, { rejectUnauthorized: false });
    session.on('error', () => {});
    return session;
  });
  for (let at = 0; at < streams; at += 1) {
    const stream = sessions[Math.floor(at / 10)]?.request({ ':path': paths[at % paths.length] ?? '' });
    stream?.pause();
    stream?.on('response', (headers) => count(`HTTP/2 window closed: ${headers[':status']}`));
    stream?.on('error', () => {});
    stream?.on('close', () => {
      if (!over) count('HTTP/2 window closed: ended by the appliance');
    });
  }
  console.log('   s  connections  open answers  held MB  resident MB  kernel MB  cut  viewer');
  while (performance.now() - startedMs < Number(values.seconds) * 1_000) {
    await delay(5_000);
    const text = await (await appliance.get('/metrics')).text();
    const row = [
      ((performance.now() - startedMs) / 1_000).toFixed(0).padStart(4),
      String(metric(text, 'nightfill_connections')).padStart(12),
      String(metric(text, 'nightfill_media_open_requests')).padStart(13),
      (metric(text, 'nightfill_answer_held_bytes') / 1e6).toFixed(0).padStart(8),
      (appliance.rssBytes() / 1e6).toFixed(0).padStart(12),
      (kernelBytes() / 1e6).toFixed(0).padStart(10),
      String(metric(text, 'nightfill_slow_readers_cut_total')).padStart(4),
    ];
    console.log(row.join(' '), '', [...viewerStatus].map(([outcome, n]) => `${n} ${outcome}`).join(', '));
  }
  report('during');
  over = true;
  for (const session of sessions) session.destroy();
  for (const socket of sockets) socket.destroy();
  await delay(3_000);
  waits.length = 0;
  viewerStatus.clear();
  await delay(5_000);
  report('after');
  isWatching = false;
  await viewer;
  console.log(
    `most resident: ${(appliance.rssBytes('VmHWM') / 1e6).toFixed(0)} MB; load of the machine ${loadavg()[0]?.toFixed(1)}`,
  );
  for (const [what, n] of [...counts].sort()) console.log(`${String(n).padStart(6)}  ${what}`);
} finally {
  await site.close();
  rmSync(dir, { recursive: true });
}
