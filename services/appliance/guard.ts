/**
 * What one caller, one session and all together may take, before any work is done for them.
 *
 * Connections are counted by the address of the socket, requests by that of the caller (behind a trusted proxy those
 * differ). What is exempt is so by configuration only, the loopback too.
 */
import type { Server as NetServer, Socket } from 'node:net';
import type { Metrics } from '../../shared/platform/metrics.ts';
import { makeNetworks } from '../../shared/platform/networks.ts';
import { makeRateLimit } from './rate-limit.ts';
import { Refusal } from './refusals.ts';

export interface Limits {
  readonly connections: number;
  readonly connectionsPerIp: number;
  /** 0: without limit. */
  readonly requestsPerSecondPerIp: number;
  readonly requestsPerSecondPerSession: number;
  /** Memory of answers on their way, beside the memory tier. */
  readonly answerBytes: number;
  /** Who takes less of an answer is cut before long; 0: nobody is. */
  readonly slowestReaderBytesPerSecond: number;
  /** As in config.ts where it is not given. */
  readonly slowReaderGraceMs?: number;
  /** Addresses and networks that are not limited. */
  readonly exempt: readonly string[];
}

export interface Guard {
  /** @throws Refusal `too-many-requests`, or `overloaded` when answers hold too much memory. */
  caller(ip: string): void;
  /** @throws Refusal `too-many-requests` */
  session(sessionId: string, ip: string): void;
  /** Counts a server's connections and cuts those that are too many. Call it before the server listens. */
  watch(server: NetServer): void;
  /** How an old one is given up for a new one, once there is as much as there may be; false: none should be. */
  onFull(what: 'connections' | 'answers', giveUp: () => boolean): void;
  /**
   * Looks at the memory once more when an answer's first bytes are there: many are let in before the first holds any.
   *
   * @throws Refusal `overloaded`
   */
  answer(bytes: Buffer): void;
  /** Bytes that an answer holds until its client has read them; the same memory held twice counts once. */
  hold(bytes: Buffer): void;
  drop(bytes: Buffer): void;
  /** Answers hold half of the memory they may. */
  readonly isBusy: boolean;
}

/** What may come together beyond the even rate. */
const burstS = 10;
const retry = { 'retry-after': '2' };

export function makeGuard(limits: Limits, metrics: Metrics): Guard {
  const refused = metrics.counter('nightfill_limited_total', 'Connections and requests refused by a limit.', ['limit']);
  const byIp = makeRateLimit(limits.requestsPerSecondPerIp, burstS);
  const bySession = makeRateLimit(limits.requestsPerSecondPerSession, burstS);
  const isExempt = remembering(makeNetworks(limits.exempt));
  const open = new Map<string, number>();
  const held = new Map<ArrayBufferLike, { holders: number; readonly bytes: number }>();
  let heldBytes = 0;
  let connections = 0;
  const giveUp = { connections: (): boolean => false, answers: (): boolean => false };
  metrics.gauge('nightfill_answer_held_bytes', 'Memory of answers on their way.', [], () => heldBytes);
  metrics.gauge('nightfill_connections', 'Open connections.', [], () => connections);

  function admit(socket: Socket): void {
    const ip = socket.remoteAddress ?? '';
    const count = (open.get(ip) ?? 0) + 1;
    const isOneTooMany = count > limits.connectionsPerIp && !isExempt(ip);
    if (isOneTooMany || (connections >= limits.connections && !giveUp.connections())) {
      refused.inc({ limit: 'connections' });
      socket.destroy();
      return;
    }
    connections += 1;
    open.set(ip, count);
    socket.once('close', () => {
      connections -= 1;
      const left = (open.get(ip) ?? 1) - 1;
      if (left > 0) open.set(ip, left);
      else open.delete(ip);
    });
  }

  function refuseWhenFull(): void {
    if (heldBytes <= limits.answerBytes || giveUp.answers()) return;
    refused.inc({ limit: 'memory' });
    throw new Refusal('overloaded', 'overloaded', 'Answers on their way hold all the memory they may.', retry);
  }

  return {
    get isBusy() {
      return heldBytes > limits.answerBytes / 2;
    },
    caller(ip) {
      refuseWhenFull();
      if (limits.requestsPerSecondPerIp === 0 || byIp.take(ip, performance.now()) || isExempt(ip)) return;
      refused.inc({ limit: 'requests of an address' });
      throw new Refusal('overloaded', 'too-many-requests', 'Too many requests from this address.', retry);
    },
    session(sessionId, ip) {
      if (sessionId === '' || bySession.take(sessionId, performance.now()) || isExempt(ip)) return;
      refused.inc({ limit: 'requests of a session' });
      throw new Refusal('overloaded', 'too-many-requests', 'Too many requests with this token.', retry);
    },
    onFull(what, next) {
      giveUp[what] = next;
    },
    watch: (server) => void server.prependListener('connection', admit),
    answer({ buffer }) {
      if (!held.has(buffer)) refuseWhenFull();
    },
    hold({ buffer }) {
      const known = held.get(buffer);
      if (known) known.holders += 1;
      else {
        held.set(buffer, { holders: 1, bytes: buffer.byteLength });
        heldBytes += buffer.byteLength;
      }
    },
    drop({ buffer }) {
      const known = held.get(buffer);
      if (!known) return;
      known.holders -= 1;
      if (known.holders > 0) return;
      held.delete(buffer);
      heldBytes -= known.bytes;
    },
  };
}

/** Reading an address takes longer than all else here. */
function remembering(check: (ip: string) => boolean): (ip: string) => boolean {
  const known = new Map<string, boolean>();
  return (ip) => {
    const found = known.get(ip);
    if (found !== undefined) return found;
    if (known.size >= 10_000) known.clear();
    const answer = check(ip);
    known.set(ip, answer);
    return answer;
  };
}
