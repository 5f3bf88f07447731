/** The servers under comparison, each pinned to the same core, one loaded at a time. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';

export interface Server {
  readonly name: string;
  readonly port: number;
  /** Null where it has none. */
  readonly tlsPort: number | null;
  /** Processor time of all its processes so far. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

export const serverCore = '0';
export const clientCore = '1';

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export async function untilListening(port: number, child: ChildProcess, timeoutMs = 20_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode} before it listened`);
    const socket = net.connect(port, '127.0.0.1');
    const connected = await Promise.race([
      once(socket, 'connect').then(
        () => true,
        () => false,
      ),
    ]);
    socket.destroy();
    if (connected) return;
    if (Date.now() > deadline) throw new Error(`nothing listens on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A process and its children, with what they used of the processor (proc(5): utime and stime, in ticks of 10 ms). */
export function cpuSecondsOf(rootPid: number): number {
  const parents = new Map<number, number>();
  const ticks = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'latin1');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      parents.set(Number(name), Number(fields[1]));
      ticks.set(Number(name), Number(fields[11]) + Number(fields[12]));
    } catch {
      // It ended in between.
    }
  }
  const belongs = (pid: number): boolean => pid === rootPid || (pid > 1 && belongs(parents.get(pid) ?? 0));
  return [...ticks].reduce((sum, [pid, used]) => sum + (belongs(pid) ? used : 0), 0) / 100;
}

export function pinned(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  return spawn('taskset', ['-c', serverCore, command, ...args], { stdio: ['ignore', 'ignore', 'pipe'], env });
}

export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await once(child, 'exit');
  clearTimeout(timer);
}

/** A self-signed certificate for localhost, made once. */
export function certificate(dir: string): { readonly cert: string; readonly key: string } {
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  if (!existsSync(cert))
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
        ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
        ...['-keyout', key, '-out', cert],
      ],
      { stdio: 'ignore' },
    );
  return { cert, key };
}

const nginxModes = {
  'nginx sendfile': 'sendfile on; tcp_nopush on;',
  'nginx buffers': 'sendfile off; output_buffers 2 512k;',
} as const;

export async function startNginx(mode: keyof typeof nginxModes, dir: string, assets: string): Promise<Server> {
  const home = join(dir, mode.replace(' ', '-'));
  mkdirSync(join(home, 'temp'), { recursive: true });
  const [port, tlsPort] = [await freePort(), await freePort()];
  const { cert, key } = certificate(dir);
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${home}/temp;`);
  const config = `
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    worker_processes 1; daemon off; pid ${home}/pid; error_log ${home}/error.log;
    events { worker_connections 4096; multi_accept on; }
    http {
      ${temps.join(' ')}
      access_log off; ${nginxModes[mode]} tcp_nodelay on;
      keepalive_requests 1000000000; keepalive_timeout 300s; open_file_cache max=10000 inactive=300s;
      types { video/mp4 m4s mp4; application/vnd.apple.mpegurl m3u8; }
      ssl_certificate ${cert}; ssl_certificate_key ${key}; ssl_protocols TLSv1.3; ssl_session_tickets off;
      server {
        listen 127.0.0.1:${port} backlog=4096; listen 127.0.0.1:${tlsPort} ssl http2;
        location /v/ { alias ${assets}/; add_header Cache-Control "public, max-age=31536000, immutable"; }
      }
    }`;
  writeFileSync(join(home, 'nginx.conf'), config);
  const child = pinned('nginx', ['-c', join(home, 'nginx.conf'), '-e', join(home, 'error.log')]);
  await untilListening(port, child);
  const pid = child.pid ?? 0;
  return { name: mode, port, tlsPort, cpuSeconds: () => cpuSecondsOf(pid), stop: () => stopChild(child) };
}

/** Everything in memory, one pool with a thread for each connection, no log: its fastest way. */
export async function startVarnish(dir: string, originPort: number): Promise<Server> {
  const home = join(dir, 'varnish');
  mkdirSync(home, { recursive: true });
  const vcl = join(home, 'bench.vcl');
  writeFileSync(
    vcl,
    `vcl 4.1;
     backend origin { .host = "127.0.0.1"; .port = "${originPort}"; }
     sub vcl_recv { return (hash); }
     sub vcl_backend_response { set beresp.ttl = 1d; return (deliver); }`,
  );
  const port = await freePort();
  const child = pinned('varnishd', [
    ...['-F', '-n', join(home, 'work'), '-j', 'none', '-a', `127.0.0.1:${port}`, '-f', vcl, '-s', 'malloc,3G'],
    ...['-p', 'thread_pools=1', '-p', 'thread_pool_min=1200', '-p', 'thread_pool_max=1400'],
    ...[
      '-p',
      'vsl_mask=-Begin,-End,-ReqStart,-ReqMethod,-ReqURL,-ReqProtocol,-ReqHeader,-ReqUnset,-ReqAcct,-RespProtocol,-RespStatus,-RespReason,-RespHeader,-RespUnset,-Hit,-HitPass,-VCL_call,-VCL_return,-Timestamp,-Link,-Gzip,-SessOpen,-SessClose,-Length,-Filters',
      '-p',
      'listen_depth=4096',
    ],
  ]);
  await untilListening(port, child);
  const pid = child.pid ?? 0;
  return { name: 'varnish', port, tlsPort: null, cpuSeconds: () => cpuSecondsOf(pid), stop: () => stopChild(child) };
}
