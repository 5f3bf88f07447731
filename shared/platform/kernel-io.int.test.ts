import { once } from 'node:events';
import fs from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { descriptorOf, openKernelIo } from './kernel-io.ts';

const kernel = await openKernelIo();

describe.runIf(kernel)('the kernel', () => {
  const io = kernel as NonNullable<typeof kernel>;
  const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => (at * 31) % 253));
  let dir: string;
  let fd: number;
  let server: net.Server;

  /** Both ends of a connection. */
  async function connect(): Promise<[net.Socket, net.Socket]> {
    const { port } = server.address() as net.AddressInfo;
    const accepted = once(server, 'connection') as Promise<[net.Socket]>;
    const client = net.connect(port, '127.0.0.1');
    await once(client, 'connect');
    const [socket] = await accepted;
    return [socket, client];
  }

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'nightfill-kernel-'));
    await writeFile(join(dir, 'file'), bytes);
    fd = fs.openSync(join(dir, 'file'), 'r');
    server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(async () => {
    server.close();
    fs.closeSync(fd);
    await rm(dir, { recursive: true, force: true });
  });

  it('sends a head and a part of a file in their order, as far as the socket takes them', async () => {
    const [socket, client] = await connect();
    const received = buffer(client);
    const to = descriptorOf(socket) ?? -1;
    const head = Buffer.from('a head, and more');
    expect(io.send(to, head, 6, true)).toBe(6);
    for (let at = 1_000; at < bytes.length; ) {
      const count = io.file(to, fd, at, bytes.length - at);
      at += count;
      if (count === 0) await new Promise(setImmediate);
    }
    socket.end();
    expect((await received).equals(Buffer.concat([head.subarray(0, 6), bytes.subarray(1_000)]))).toBe(true);
  });

  it('takes nothing for a client that does not read, and says that one is gone', async () => {
    const [socket, client] = await connect();
    client.pause();
    const to = descriptorOf(socket) ?? -1;
    await vi.waitFor(() => expect(io.file(to, fd, 0, bytes.length)).toBe(0), { timeout: 10_000, interval: 1 });
    expect(io.send(to, bytes, 100, false)).toBe(0);
    client.resetAndDestroy();
    await vi.waitFor(() => expect(() => io.file(to, fd, 0, 100)).toThrow('sendfile failed'), { timeout: 10_000 });
    socket.destroy();
    expect(descriptorOf(socket)).toBeNull();
  });

  it('says that a file is shorter than was asked for', async () => {
    const [socket, client] = await connect();
    expect(() => io.file(descriptorOf(socket) ?? -1, fd, bytes.length, 10)).toThrow('ends early');
    client.destroy();
    socket.destroy();
  });

  it('reads what was written just now from the page cache', () => {
    const into = Buffer.alloc(100_000);
    const count = io.readCached(fd, into, 5);
    // A file system that cannot tell gives nothing, never something else.
    expect(into.subarray(0, count).equals(bytes.subarray(5, 5 + count))).toBe(true);
    expect(io.readCached(fd, into, bytes.length)).toBe(0);
    expect(io.diskReads()).toBeGreaterThanOrEqual(0);
  });
});
