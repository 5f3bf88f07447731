/**
 * A load generator for keep-alive HTTP/1.1, run as a process of its own so that it can be pinned to a core.
 *
 * It reads into one buffer of a megabyte that all connections share: wrk reads 8 KiB at a time and would be the
 * bottleneck with media. Every answer's status and length are checked; one that is wrong is counted as an error.
 */
import net from 'node:net';

export interface LoadOrder {
  readonly port: number;
  /** Only wrk speaks it. */
  readonly tls: boolean;
  readonly connections: number;
  readonly seconds: number;
  readonly targets: readonly string[];
  /** Random ranges of so many bytes, at multiples of it, of files of `ofBytes`; null: whole files. */
  readonly range: { readonly lengthBytes: number; readonly ofBytes: number } | null;
  /** Requests a second over all connections; null: each connection asks again as soon as it has its answer. */
  readonly perSecond: number | null;
  /** One request a connection, all at once, and no more. */
  readonly once: boolean;
}

export interface LoadResult {
  readonly seconds: number;
  readonly requests: number;
  readonly bytes: number;
  readonly errors: number;
  readonly firstByteMs: { readonly p50: number; readonly p99: number };
  /** When the last answer was complete. */
  readonly lastByteMs: number;
}

const scratch = Buffer.allocUnsafeSlow(1024 * 1024);
const headEnd = '\r\n\r\n';

export function runLoad(order: LoadOrder): Promise<LoadResult> {
  const startedMs = performance.now();
  const endsMs = startedMs + order.seconds * 1_000;
  const firstBytes: number[] = [];
  const sockets: net.Socket[] = [];
  const idle: (() => void)[] = [];
  let [requests, bytes, errors, open, lastByteMs, due] = [0, 0, 0, 0, 0, 0];

  return new Promise((resolve) => {
    const timer = order.perSecond ? setInterval(release, 1) : null;
    let done = false;

    function release(): void {
      due += ((order.perSecond ?? 0) * (performance.now() - releasedMs)) / 1_000;
      releasedMs = performance.now();
      for (; due >= 1 && idle.length > 0; due -= 1) idle.shift()?.();
    }
    let releasedMs = startedMs;

    function finish(): void {
      if (done) return;
      done = true;
      if (timer) clearInterval(timer);
      for (const socket of sockets) socket.destroy();
      firstBytes.sort((a, b) => a - b);
      const at = (share: number) => firstBytes[Math.floor(share * (firstBytes.length - 1))] ?? 0;
      resolve({
        seconds: (order.once ? lastByteMs : performance.now() - startedMs) / 1_000,
        requests,
        bytes,
        errors,
        firstByteMs: { p50: at(0.5), p99: at(0.99) },
        lastByteMs,
      });
    }

    function connect(): void {
      let head = '';
      let left = -1;
      let sentMs = 0;
      open += 1;
      const socket = net.connect({
        port: order.port,
        host: '127.0.0.1',
        noDelay: true,
        onread: { buffer: scratch, callback: (length, buffer) => take(length, Buffer.from(buffer.buffer, 0, length)) },
      });
      sockets.push(socket);

      function ask(): void {
        const target = order.targets[Math.floor(Math.random() * order.targets.length)] ?? '/';
        let range = '';
        if (order.range) {
          const { lengthBytes, ofBytes } = order.range;
          const start = Math.floor(Math.random() * Math.floor(ofBytes / lengthBytes)) * lengthBytes;
          range = `Range: bytes=${start}-${start + lengthBytes - 1}\r\n`;
        }
        sentMs = performance.now();
        socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n${range}\r\n`);
      }

      function answered(): void {
        requests += 1;
        lastByteMs = performance.now() - startedMs;
        left = -1;
        if (order.once) socket.destroy();
        else if (performance.now() >= endsMs) finish();
        else if (order.perSecond) idle.push(ask);
        else ask();
      }

      function take(length: number, chunk: Buffer): boolean {
        let body = length;
        if (left < 0) {
          if (head === '') firstBytes.push(performance.now() - sentMs);
          // Only the head is made a text, never the body.
          const end = chunk.indexOf(headEnd);
          head += chunk.toString('latin1', 0, end < 0 ? length : end);
          if (end < 0) return true;
          body = length - end - headEnd.length;
          left = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN);
          if (!/^HTTP\/1\.1 20[06] /.test(head) || Number.isNaN(left)) {
            errors += 1;
            if (errors < 3) process.stderr.write(`unexpected answer: ${head.slice(0, 300)}\n`);
            socket.destroy();
            return true;
          }
          head = '';
        }
        left -= body;
        bytes += body;
        if (left === 0) answered();
        return true;
      }

      socket.once('connect', order.perSecond ? () => idle.push(ask) : ask);
      socket.once('error', () => {
        if (!done) errors += 1;
      });
      socket.once('close', () => {
        open -= 1;
        if (open === 0) finish();
      });
    }

    for (let i = 0; i < order.connections; i += 1) connect();
    setTimeout(finish, order.seconds * 1_000 + 2_000).unref();
  });
}

if (import.meta.main) {
  process.once('message', async (order: LoadOrder) => {
    process.send?.(await runLoad(order));
    process.disconnect();
  });
}
