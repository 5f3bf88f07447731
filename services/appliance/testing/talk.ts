/** A connection of HTTP/1.1 by hand: writes exactly what a test says, reads one answer after another. */
import net from 'node:net';

export interface HandmadeAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

export interface Conversation {
  readonly socket: net.Socket;
  readonly closed: Promise<void>;
  write(text: string): void;
  end(): void;
  close(): void;
  /** The next answer; rejects when the connection ends before it is whole. */
  answer(method?: string): Promise<HandmadeAnswer>;
}

export function talk(port: number, socket: net.Socket = net.connect(port, '127.0.0.1')): Conversation {
  let received = Buffer.alloc(0);
  let ended = false;
  let wake = () => {};
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  for (const event of ['end', 'close'])
    socket.on(event, () => {
      ended = true;
      wake();
    });

  async function until<T>(read: () => T | null): Promise<T> {
    for (;;) {
      const found = read();
      if (found !== null) return found;
      if (ended) throw new Error(`the connection ended after ${received.length} bytes: ${received.subarray(0, 200)}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  return {
    socket,
    closed,
    write: (text) => void socket.write(text, 'latin1'),
    end: () => void socket.end(),
    close: () => void socket.destroy(),
    async answer(method = 'GET') {
      const headEnd = await until(() => (received.includes('\r\n\r\n') ? received.indexOf('\r\n\r\n') : null));
      const [statusLine = '', ...lines] = received.toString('latin1', 0, headEnd).split('\r\n');
      const status = Number(statusLine.split(' ')[1]);
      const headers = Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
      );
      received = received.subarray(headEnd + 4);
      const none = method === 'HEAD' || status === 204 || status === 304;
      const length = none ? 0 : Number(headers['content-length'] ?? 0);
      await until(() => (received.length >= length ? true : null));
      const body = Buffer.from(received.subarray(0, length));
      received = received.subarray(length);
      return { status, headers, body };
    },
  };
}
