/** Starts load generators on the client's core. */
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LoadOrder, LoadResult } from './client.ts';
import { clientCore } from './servers.ts';

const run = promisify(execFile);

/** Our own client: for media. */
export async function load(order: LoadOrder): Promise<LoadResult> {
  const child = fork(join(import.meta.dirname, 'client.ts'), {
    execPath: '/usr/bin/taskset',
    execArgv: ['-c', clientCore, process.execPath],
  });
  child.send(order);
  const [result] = (await once(child, 'message')) as [LoadResult];
  return result;
}

/** wrk: for TLS, and for answers so small that a client in JavaScript would be the bottleneck. */
export async function loadSmall(dir: string, order: LoadOrder): Promise<LoadResult> {
  const script = join(dir, 'targets.lua');
  const list = order.targets.map((target) => `"${target}"`).join(',\n');
  writeFileSync(
    script,
    `local requests, at = {}, 0
     init = function()
       for i, target in ipairs({${list}}) do requests[i] = wrk.format("GET", target) end
     end
     request = function()
       at = at % #requests + 1
       return requests[at]
     end`,
  );
  const { stdout } = await run('taskset', [
    ...['-c', clientCore, 'wrk', '-t1', `-c${order.connections}`, `-d${order.seconds}s`, '--latency', '-s', script],
    `${order.tls ? 'https' : 'http'}://127.0.0.1:${order.port}`,
  ]);
  const found = /(\d+) requests in ([\d.]+)s, ([\d.]+)(KB|MB|GB) read/.exec(stdout);
  if (!found) throw new Error(`wrk said: ${stdout}`);
  const bad = /Non-2xx or 3xx responses: (\d+)/.exec(stdout);
  const latency = (share: string): number => {
    const [, value, unit] = new RegExp(`${share}%\\s+([\\d.]+)(us|ms|s)`).exec(stdout) ?? [];
    return Number(value) * ({ us: 0.001, ms: 1, s: 1_000 }[unit ?? ''] ?? Number.NaN);
  };
  return {
    seconds: Number(found[2]),
    requests: Number(found[1]),
    bytes: Number(found[3]) * ({ KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 }[found[4] ?? ''] ?? 0),
    errors: Number(bad?.[1] ?? 0),
    firstByteMs: { p50: latency('50'), p99: latency('99') },
    lastByteMs: Number.NaN,
  };
}

/** h2load: for HTTP/2, two streams on each connection, with windows that are never the limit. */
export async function loadHttp2(dir: string, order: LoadOrder): Promise<LoadResult> {
  const list = join(dir, 'targets.txt');
  writeFileSync(list, order.targets.map((target) => `https://127.0.0.1:${order.port}${target}`).join('\n'));
  const windows = ['-w', '30', '-W', '30'];
  const { stdout } = await run('taskset', [
    ...['-c', clientCore, 'h2load', '-t1', '-c', `${order.connections}`, '-m', '2', '-D', `${order.seconds}`],
    ...windows,
    ...['-i', list],
  ]);
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? Number.NaN);
  const requests = number(/(\d+) succeeded/);
  if (!(requests > 0)) throw new Error(`h2load said: ${stdout}`);
  return {
    seconds: order.seconds,
    requests,
    bytes: number(/traffic: \S+ \((\d+)\) total/),
    errors: number(/(\d+) failed/),
    firstByteMs: { p50: Number.NaN, p99: Number.NaN },
    lastByteMs: Number.NaN,
  };
}
