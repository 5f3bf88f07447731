/** An upstream that has a title, and gives it away in every wrong way that a server knows. */
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Upstream } from '../../../shared/domain/fleet.ts';
import { formatDigest } from '../../../shared/domain/http/digest.ts';
import { manifestName } from '../../../shared/domain/keys.ts';
import type { TestCertificate } from './certificates.ts';
import { sha256, type Title } from './fleet.ts';

interface Asked {
  readonly response: http.ServerResponse;
  readonly socket: Socket;
  /** What is right to send, and how it is announced. */
  readonly body: Buffer;
  readonly status: 200 | 206;
  readonly fields: Readonly<Record<string, string>>;
  readonly whole: Buffer;
}
export type Fault = (asked: Asked) => void;

const works: Fault = ({ response, status, fields, body }) => void response.writeHead(status, fields).end(body);
/** TLS sockets cannot be reset. */
const cut = (socket: Socket): void => void ('encrypted' in socket ? socket.destroy() : socket.resetAndDestroy());
const half = (body: Buffer): Buffer => body.subarray(0, body.length >> 1);

export const faults = {
  'says nothing at all': () => {},
  'stops within the body': ({ response, status, fields, body }) => {
    response.writeHead(status, fields).write(half(body));
  },
  'breaks off within the body': ({ response, status, fields, body, socket }) => {
    response.writeHead(status, fields).write(half(body), () => cut(socket));
  },
  'ends early without a length': ({ response, status, fields, body }) => {
    const { 'content-length': _, ...others } = fields;
    response.writeHead(status, others).end(half(body));
  },
  'announces less than there is': ({ response, status, fields, body }) => {
    response.writeHead(status, { ...fields, 'content-length': String(body.length - 7) }).end(body.subarray(7));
  },
  'announces more than there is': ({ response, status, fields, body, socket }) => {
    response.writeHead(status, { ...fields, 'content-length': String(body.length + 7) });
    response.write(body, () => socket.end());
  },
  'sends more than there is, without a length': ({ response, status, fields, body }) => {
    const { 'content-length': _, ...others } = fields;
    response.writeHead(status, others).end(Buffer.concat([body, body]));
  },
  'sends other bytes': ({ response, status, fields, body }) => {
    const wrong = Buffer.from(body);
    wrong[wrong.length >> 1] = (wrong[wrong.length >> 1] ?? 0) ^ 1;
    response.writeHead(status, fields).end(wrong);
  },
  'sends zeros': ({ response, status, fields, body }) => {
    response.writeHead(status, fields).end(Buffer.alloc(body.length));
  },
  'answers 500': ({ response }) => void response.writeHead(500).end('sorry'),
  'answers 503 without end': ({ response }) => {
    response.writeHead(503);
    const timer = setInterval(() => response.write('sorry '), 5);
    response.once('close', () => clearInterval(timer));
  },
  'leads elsewhere': ({ response }) => void response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
  drips: ({ response, status, fields, body }) => {
    response.writeHead(status, fields);
    let at = 0;
    const timer = setInterval(() => response.write(body.subarray(at, ++at)), 10);
    response.once('close', () => clearInterval(timer));
  },
  'sends the whole for a range, and a part for the whole': ({ response, status, fields, body, whole }) => {
    if (status === 206) response.writeHead(200, { 'content-length': String(whole.length) }).end(whole);
    else response.writeHead(206, fields).end(body);
  },
  'sends another range': ({ response, fields, body }) => {
    response.writeHead(206, { ...fields, 'content-range': `bytes 1-${body.length}/${body.length + 1}` }).end(body);
  },
  'encodes what it sends': ({ response, status, body }) => {
    const encoded = gzipSync(body);
    response.writeHead(status, { 'content-encoding': 'gzip', 'content-length': String(encoded.length) }).end(encoded);
  },
  'does not speak HTTP': ({ socket }) => void socket.end('+PONG\r\n'),
  'sends a head without end': ({ socket }) => {
    const timer = setInterval(() => socket.write('X-More: and more\r\n'), 5);
    socket.once('close', () => clearInterval(timer));
    socket.on('error', () => {});
    socket.write('HTTP/1.1 200 OK\r\n');
  },
} as const satisfies Record<string, Fault>;

export interface BadUpstream {
  /** Address, as an appliance or as an S3 endpoint. */
  readonly url: string;
  asUpstream(kind: Upstream['kind'], id?: string): Upstream;
  /** How it answers for media from now on; what it is asked for meanwhile is counted by path. */
  behave(fault: Fault | null): void;
  asked(path: string): number;
  /** Answers that have neither ended nor been cut off. */
  readonly open: number;
  close(): Promise<void>;
}

/** With a certificate it speaks TLS. An S3 endpoint gets the same questions, in the bucket `bad`, and is as bad. */
export async function startBadUpstream(title: Title, certificate?: TestCertificate): Promise<BadUpstream> {
  let fault: Fault = works;
  let open = 0;
  const asked = new Map<string, number>();
  const answer = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    const path = (request.url ?? '').replace(/^\/(v|bad\/assets)\/[^/]+\/[^/]+\/|[?].*$/g, '');
    asked.set(path, (asked.get(path) ?? 0) + 1);
    open += 1;
    response.once('close', () => {
      open -= 1;
    });
    const isManifest = path === manifestName;
    const whole = isManifest ? title.manifestBytes : title.files.get(path);
    if (!whole) {
      response.writeHead(404).end();
      return;
    }
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const isPart = from !== undefined;
    const body = isPart ? whole.subarray(Number(from), Number(to) + 1) : whole;
    const fields = {
      'content-length': String(body.length),
      ...(isPart ? { 'content-range': `bytes ${from}-${to}/${whole.length}` } : {}),
      ...(isManifest ? { 'repr-digest': formatDigest(sha256(whole)) } : {}),
    };
    const ask: Asked = { response, socket: request.socket, body, status: isPart ? 206 : 200, fields, whole };
    (isManifest ? works : fault)(ask);
  };
  const server = certificate ? https.createServer({ ...certificate }, answer) : http.createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`;
  return {
    url,
    asUpstream: (kind, id = `bad-${kind}`) => ({
      kind,
      applianceId: id,
      url,
      credential: 'whatever they ask for',
      weight: 1,
    }),
    behave(next) {
      fault = next ?? works;
    },
    asked: (path) => asked.get(path) ?? 0,
    get open() {
      return open;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
