/** Carries probes to an appliance in every way that it can be spoken to, and judges what comes back. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import type { Answer } from './model.ts';
import type { Fuzzer, Probe } from './requests.ts';

export interface Target {
  readonly port: number;
  readonly tlsPort: number;
  readonly ca: string;
}

/** What was sent and how it ended. */
export interface Tally {
  readonly counts: Map<string, number>;
  readonly failures: string[];
}

export interface Drive {
  /** Sends a few requests and resolves with how many. */
  some(): Promise<number>;
}

/** An answer takes no longer, however busy the machine is. */
const patienceMs = 60_000;

export function makeDrive(fuzzer: Fuzzer, { port, tlsPort, ca }: Target, { counts, failures }: Tally): Drive {
  const { chance } = fuzzer;

  const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);

  function note(way: string, probe: Probe, answer: Answer | null, verdict: string | null): void {
    const name = `${way}, ${probe.kind}: ${answer?.status ?? 'left'}`;
    count(name);
    if (verdict === null) return;
    const { method, target, host, fields } = probe;
    const asked = JSON.stringify({ method, target, host, fields }).slice(0, 1_500);
    failures.push(`${verdict} (${name})\n  ${asked}\n  ${JSON.stringify(answer?.headers)}`);
  }

  const plain = (): net.Socket => net.connect(port, '127.0.0.1');
  const secure = (protocol: string): net.Socket =>
    tls.connect({ port: tlsPort, host: '127.0.0.1', ca, ALPNProtocols: [protocol] });

  /** Several requests on one connection: one after the other, all at once, or cut anywhere. */
  async function speakHttp1(way: 'http' | 'https'): Promise<number> {
    // A handshake of TLS costs as much as many requests.
    const probes = Array.from({ length: 1 + chance.below(way === 'http' ? 8 : 24) }, () => fuzzer.next(way));
    const manner = chance.pick(['in turn', 'at once', 'cut'] as const);
    const read = reader(way === 'http' ? plain() : secure('http/1.1'));
    try {
      if (manner === 'at once') read.socket.write(Buffer.concat(probes.map((probe) => bytesOf(probe))));
      if (manner === 'cut') await writeCut(read.socket, Buffer.concat(probes.map((probe) => bytesOf(probe))));
      for (const probe of probes) {
        if (manner === 'in turn') read.socket.write(bytesOf(probe));
        const answer = await read.answer(probe.method);
        const verdict = probe.judge(answer);
        note(way, probe, answer, verdict);
        if (verdict !== null)
          failures.push(`of this row (${manner}):\n${probes.map((one) => bytesOf(one)).join('\n')}`);
        // Node gives a connection up after what it could not read.
        if (answer.headers.connection === 'close') return probes.length;
      }
      if (read.left() > 0) failures.push(`${read.left()} bytes that nobody asked for (${way}, ${manner})`);
    } catch (error) {
      // Over TLS, Node ends connections on which more is sent ahead than it takes while answers wait; whoever does so asks
      // again (RFC 9112 §9.3.2).
      if (way === 'https' && manner !== 'in turn') count(`${way}, sent ahead: cut off`);
      else
        failures.push(`${(error as Error).message} (${way})\n  ${probes.map((probe) => bytesOf(probe)).join('\n  ')}`);
    } finally {
      read.socket.destroy();
    }
    return probes.length;
  }

  async function writeCut(socket: net.Socket, bytes: Buffer): Promise<void> {
    let at = 0;
    for (let cuts = 1 + chance.below(4); cuts > 0 && at < bytes.length; cuts -= 1) {
      const to = at + chance.below(bytes.length - at);
      socket.write(bytes.subarray(at, to));
      at = to;
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write(bytes.subarray(at));
  }

  async function speakHttp2(): Promise<number> {
    const session = http2.connect(`https://127.0.0.1:${tlsPort}`, { ca });
    session.on('error', () => {});
    let sent = 0;
    try {
      for (let rounds = 1 + chance.below(24); rounds > 0; rounds -= 1) {
        const probes = Array.from({ length: 1 + chance.below(8) }, () => fuzzer.next('https'));
        sent += probes.length;
        await Promise.all(
          probes.map(async (probe) => {
            const answer = await askHttp2(session, probe, chance.onceIn(15));
            note('h2', probe, answer, answer && probe.judge(answer));
          }),
        );
      }
    } catch (error) {
      failures.push(`${(error as Error).message} (h2)`);
    } finally {
      session.destroy();
    }
    return sent;
  }

  /** Nobody has a right to anything by what cannot be read. */
  async function speakNonsense(way: 'http' | 'h2'): Promise<number> {
    const socket = way === 'http' ? plain() : secure('h2');
    const nonsense = way === 'http' ? fuzzer.garbled() : randomFrames();
    if (way === 'h2') await once(socket, 'secureConnect');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => {});
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    // Some of it reads like the beginning of more.
    const timer = setTimeout(() => socket.destroy(), 300);
    socket.end(nonsense);
    await closed;
    clearTimeout(timer);
    const leaked = fuzzer.leaks(Buffer.concat(chunks));
    if (leaked !== null)
      failures.push(`gave bytes of ${leaked} for nonsense (${way})\n  ${nonsense.toString('latin1')}`);
    count(`${way}, nonsense: ${(way === 'http' && Buffer.concat(chunks).toString('latin1', 9, 12)) || 'closed'}`);
    return 1;
  }

  function randomFrames(): Buffer {
    const frames = Array.from({ length: 1 + chance.below(20) }, () => {
      const payload = Buffer.from(
        Array.from({ length: chance.pick([0, 1, 4, 5, 8, 40, 300]) }, () => chance.below(256)),
      );
      const head = Buffer.alloc(9);
      head.writeUIntBE(chance.onceIn(20) ? chance.below(1 << 24) : payload.length, 0, 3);
      head.writeUInt8(chance.pick([0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255]), 3);
      head.writeUInt8(chance.pick([0, 1, 4, 5, 8, 0x25, chance.below(256)]), 4);
      head.writeUInt32BE(chance.pick([0, 1, 1, 3, 2, chance.below(0xffffffff)]), 5);
      return Buffer.concat([head, payload]);
    });
    const preface = chance.onceIn(10) ? 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n' : 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    return Buffer.concat([Buffer.from(preface), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]), ...frames]);
  }

  const ways = [
    () => speakHttp1('http'),
    () => speakHttp1('http'),
    () => speakHttp1('http'),
    () => speakHttp1('https'),
    speakHttp2,
    () => speakNonsense(chance.onceIn(3) ? 'h2' : 'http'),
  ];
  return { some: () => chance.pick(ways)() };
}

function bytesOf({ method, target, host, fields, body }: Probe): Buffer {
  const length = body === null ? [] : [['Content-Length', String(body.length)] as const];
  const lines = [['Host', host] as const, ...fields, ...length].map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`, 'latin1');
}

/** Reads one answer after another from a connection. */
function reader(socket: net.Socket) {
  let chunks: Buffer[] = [];
  let length = 0;
  let isOver = false;
  let wake = () => {};
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    wake();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    isOver = true;
    wake();
  });
  socket.setTimeout(patienceMs, () => socket.destroy());

  /** What is here, once it is so much. */
  async function atLeast(bytes: number): Promise<Buffer> {
    while (length < bytes) {
      if (isOver) throw new Error(`the connection ended after ${length} of ${bytes} bytes`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const all = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
    chunks = [all];
    return all;
  }

  return {
    socket,
    left: () => length,
    async answer(method: string): Promise<Answer> {
      let here = await atLeast(1);
      while (!here.includes('\r\n\r\n')) here = await atLeast(here.length + 1);
      const end = here.indexOf('\r\n\r\n');
      const [line = '', ...rest] = here.toString('latin1', 0, end).split('\r\n');
      const headers = headersOf(
        rest.map((text) => [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1)]),
      );
      const status = Number(line.split(' ')[1]);
      const hasNone = method === 'HEAD' || status === 204 || status === 304;
      const to = end + 4 + (hasNone ? 0 : Number(headers['content-length'] ?? 0));
      here = await atLeast(to);
      chunks = [here.subarray(to)];
      length -= to;
      return { status, headers, body: here.subarray(end + 4, to) };
    },
  };
}

function headersOf(pairs: readonly (readonly string[])[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name = '', value = ''] of pairs) {
    const known = headers[name.toLowerCase()];
    headers[name.toLowerCase()] = known === undefined ? value.trim() : `${known}, ${value.trim()}`;
  }
  return headers;
}

type Http2Head = http2.IncomingHttpHeaders & { readonly ':status'?: number };

/** Null where the client left before the end. */
async function askHttp2(session: http2.ClientHttp2Session, probe: Probe, leaves: boolean): Promise<Answer | null> {
  const { method, target, host, fields } = probe;
  const named = Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value]));
  const asked = { ':method': method, ':path': target, ':authority': host, ...named };
  const stream = session.request(asked, { endStream: true });
  stream.setTimeout(patienceMs, () => stream.destroy(new Error(`no end of an answer to ${target}`)));
  stream.on('error', () => {});
  const reset = new Promise<null>((resolve) => stream.once('close', () => resolve(null)));
  const response = new Promise<Http2Head>((resolve) => stream.once('response', resolve));
  const head = await Promise.race([response, reset]);
  // What is no request in HTTP/2 is reset without an answer (RFC 9113 §8.1.1).
  if (!head) return { status: 400, headers: {}, body: Buffer.alloc(0) };
  if (leaves) {
    stream.close(http2.constants.NGHTTP2_CANCEL);
    return null;
  }
  const chunks: Buffer[] = [];
  const here = () => chunks.reduce((sum, { length }) => sum + length, 0);
  try {
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  } catch (error) {
    // Node's client calls it premature where the server closed a stream of which all has come (RFC 9113 §8.1).
    const isWhole = stream.rstCode === 0 && Number(head['content-length']) === here();
    const asked = JSON.stringify({ method, target, fields, head, here: here(), code: stream.rstCode });
    if (!isWhole) throw new Error(`${(error as Error).message}: ${asked}`, { cause: error });
  }
  const headers = headersOf(Object.entries(head).map(([name, value]) => [name, [value].flat().join(', ')]));
  return { status: Number(head[':status']), headers, body: Buffer.concat(chunks) };
}
