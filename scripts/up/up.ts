/**
 * `nightfill up`: everything on one machine under one supervisor.
 *
 * Starts Redis, then each group of processes once the one before listens, registers the demo fleet through the public
 * API, does the main job once where that was not done before, and runs until it is told to stop. Stopping goes the other
 * way round. Every step may be interrupted and is taken up by the next start.
 */
import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApplianceView } from '../../shared/domain/fleet.ts';
import { makeTransport, type Transport } from '../cli/transport.ts';
import { runDemo } from '../demo/demo.ts';
import { type Child, startChild } from './child.ts';
import { isFree, openDataDir } from './data-dir.ts';
import { demoAppliances, demoRegions } from './demo-fleet.ts';
import { ensureFleet } from './ensure-fleet.ts';
import { portNames, processGroups } from './processes.ts';
import { startRedis } from './redis.ts';

export interface UpOptions {
  /** Port of the public API and the console. */
  readonly port: number;
  /** Address to listen on and to be reached under. */
  readonly host: string;
  /** Data folder. */
  readonly dataDir: string;
  /** Do the main job on a sample video the first time. */
  readonly demo: boolean;
  /** A video to take for it instead of the sample. */
  readonly clip?: string;
}

/** npm passes on the Ctrl-C that the terminal has sent to everybody: two signals within this time are one. */
const sameSignalMs = 1_000;
const readyWithinMs = 60_000;
const childGraceMs = 12_000;

/** Resolves with the exit code once everything has stopped. */
export async function up(options: UpOptions): Promise<number> {
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const data = await openDataDir(options.dataDir);
  await data.lock();
  const stop = new AbortController();
  let exitCode = 0;
  let askedAtMs = 0;
  const onSignal = () => {
    if (!stop.signal.aborted) {
      print('\nstopping (once more to drop everything at once)');
      askedAtMs = Date.now();
      stop.abort();
    } else if (Date.now() - askedAtMs > sameSignalMs) process.exit(130);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);

  const closers: (() => Promise<unknown>)[] = [() => data.unlock()];
  try {
    if (!(await isFree(options.host, options.port)))
      throw new Error(
        `port ${options.port} of ${options.host} is taken: stop what listens there, or take another --port`,
      );
    const startedAt = Date.now();
    const secrets = await data.secrets();
    const ports = await data.ports(portNames(demoAppliances), options.host, options.port + 1);
    const reachable = isAny(options.host) ? outsideAddress() : inUrl(options.host);
    const apiUrl = `http://${reachable}:${options.port}`;

    print(`Nightfill: data in ${data.root}, logs in ${data.path('log')}`);
    const redis = await startRedis({
      dir: data.path('redis'),
      port: ports.get('redis') ?? 0,
      password: secrets.redisPassword,
      logFile: data.path('log', 'redis.log'),
      onExit: (how) => print(`redis ended (${how}); starting it again`),
    });
    closers.push(() => redis.stop());

    const groups = processGroups(
      { data, secrets, host: options.host, publicUrl: apiUrl, redisUrl: redis.url, ports, appliances: demoAppliances },
      options.port,
    );
    const gone = Promise.withResolvers<void>();
    gone.promise.catch(() => {});
    for (const group of groups) {
      stop.signal.throwIfAborted();
      const children = group.map((spec) =>
        startChild(spec, {
          onExit: (name, how, pauseMs) => {
            if (stop.signal.aborted) return;
            if (pauseMs === null) gone.reject(new Error(`${name} ${how}`));
            else print(`${name} ${how}; starting it again in ${(pauseMs / 1_000).toFixed(1)} s`);
          },
        }),
      );
      closers.push(() => Promise.all(children.map((child) => child.stop(childGraceMs))));
      await untilListening(children, gone.promise, stop.signal);
    }
    await data.writeAccess({ apiUrl, apiKey: secrets.apiKey });

    const api = makeTransport({ apiUrl, apiKey: secrets.apiKey, source: data.path('access.json') });
    await ensureFleet(api, {
      regions: demoRegions,
      appliances: demoAppliances,
      addressesOf: (id) => ({
        publicUrl: `http://${reachable}:${ports.get(id)}`,
        internalUrl: `http://${isAny(options.host) ? '127.0.0.1' : inUrl(options.host)}:${ports.get(id)}`,
      }),
    });
    await untilHealthy(api, stop.signal);
    print(`ready in ${((Date.now() - startedAt) / 1_000).toFixed(1)} s: ${apiUrl}`);

    if (options.demo) {
      await runDemo({ api, data, print, signal: stop.signal, ...(options.clip ? { clip: options.clip } : {}) }).catch(
        (error: Error) => {
          stop.signal.throwIfAborted();
          print(`\nthe first run could not finish: ${error.message}; the next start goes on from here`);
        },
      );
    }
    print(`\nRunning at ${apiUrl} (Ctrl-C stops; \`npx nightfill --help\` says what can be done)`);
    await Promise.race([untilAborted(stop.signal), gone.promise]);
  } catch (error) {
    if (!stop.signal.aborted) {
      process.stderr.write(`nightfill up: ${(error as Error).message}\n`);
      exitCode = 1;
      stop.abort();
    }
  }
  for (const close of closers.reverse()) await close();
  print('stopped');
  return exitCode;
}

const isAny = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** RFC 3986 §3.2.2: an IPv6 address stands in brackets. */
const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** An address of this machine that others can reach, for a server that listens on all of them. */
function outsideAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

async function untilListening(children: readonly Child[], gone: Promise<void>, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(readyWithinMs)]);
  const late = new Promise<never>((_resolve, reject) => {
    deadline.addEventListener('abort', () => {
      reject(
        new Error(`${children.map(({ name }) => name).join(', ')}: not all listen after ${readyWithinMs / 1_000} s`),
      );
    });
  });
  await Promise.race([Promise.all(children.map((child) => child.listening)), gone, late]);
}

/** Waits until every appliance of the demo fleet has said that it is well. */
async function untilHealthy(api: Transport, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + readyWithinMs;
  for (;;) {
    const { items } = await api.json<{ items: ApplianceView[] }>('/v1/appliances');
    const waiting = items.filter(({ mode, health }) => mode === 'active' && health !== 'healthy');
    if (waiting.length === 0) return;
    if (Date.now() > deadline)
      throw new Error(`not healthy after ${readyWithinMs / 1_000} s: ${waiting.map(({ id }) => id).join(', ')}`);
    await delay(100, undefined, { signal });
  }
}
