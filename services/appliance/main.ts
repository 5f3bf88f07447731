import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Agent } from 'undici';
import { openObjectStore, storeSettings } from '../../shared/adapters/from-settings.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import { steadyClock } from '../../shared/platform/clock.ts';
import { openKernelIo } from '../../shared/platform/kernel-io.ts';
import { runProcess } from '../../shared/platform/lifecycle.ts';
import { makeNetworks } from '../../shared/platform/networks.ts';
import { makeApplianceApp } from './app.ts';
import { applianceSettings, maxConnections, scrubEveryMs, unknownCapacityBytes } from './config.ts';
import { explainDisk, makeDiskTrouble } from './disk-trouble.ts';
import { connectionsWithin } from './file-limit.ts';
import { parseOrders } from './orders.ts';
import { makeStateFile } from './state-file.ts';

const connectTimeoutMs = 2_000;
const connectionsPerUpstream = 64;

// Else V8 puts what requests are made of where only major collections look, because it lived long while slow answers were sent:
// each of them keeps others there, and a request costs a tenth more.
setFlagsFromString('--no-allocation-site-pretenuring');

await runProcess({
  name: 'appliance',
  settings: [...storeSettings, ...applianceSettings],
  start: async ({ settings, logger, metrics, clock, onClose, repeat, listen }) => {
    const { applianceId, applianceDir, shutdownGraceMs } = settings;
    const stateDir = join(applianceDir, 'state');
    const disk = makeDiskTrouble({ clock: steadyClock, logger, metrics });
    const kernel = settings.sendfile
      ? await openKernelIo((reason) => logger.info({ reason }, 'files are read and written, not sent by the kernel'))
      : null;
    const openCache = async () => {
      const kept = await makeStateFile(join(stateDir, 'orders.json'), parseOrders).read();
      return openSliceCache({
        dir: join(applianceDir, 'cache'),
        capacityBytes: kept?.capacityBytes ?? unknownCapacityBytes,
        memoryBytes: settings.memoryTierBytes,
        clock,
        kernel,
        onDiskError: disk.note,
      });
    };
    const cache = await openCache().catch((error: unknown) => {
      throw explainDisk(applianceDir, error);
    });
    onClose('cache', () => cache.close());
    const portionBytes = (settings.scrubBytesPerSecond * scrubEveryMs) / 1_000;
    if (portionBytes > 0) repeat('scrub', scrubEveryMs, () => cache.scrub(portionBytes));

    const store = settings.storeUrl ? await openObjectStore(settings) : null;
    if (store) onClose('object store', () => store.close());

    const dispatcher = new Agent({
      connections: connectionsPerUpstream,
      connect: { timeout: connectTimeoutMs },
      keepAliveTimeout: 30_000,
    });
    onClose('connections', () => dispatcher.destroy());

    const app = await makeApplianceApp({
      applianceId,
      credential: settings.applianceCredential,
      controlUrl: settings.controlUrl,
      stateDir,
      softwareVersion: await softwareVersion(),
      cache,
      store,
      clock,
      steadyClock,
      logger,
      metrics,
      dispatcher,
      upstreamTimeoutMs: settings.upstreamTimeoutMs,
      trustProxy: settings.trustProxy,
      cookieOrigins: settings.cookieOrigins,
      mayReadMetrics: makeNetworks(settings.metricsFrom),
      isStrained: watchStrain(repeat),
      diskTrouble: () => disk.current,
      kernel,
      limits: {
        connections: await connectionsWithin(maxConnections),
        connectionsPerIp: settings.connectionsPerIp,
        requestsPerSecondPerIp: settings.requestsPerIp,
        requestsPerSecondPerSession: settings.requestsPerSession,
        answerBytes: settings.answerMemoryBytes,
        slowestReaderBytesPerSecond: settings.slowestReaderBytesPerSecond,
        exempt: settings.limitsExempt,
      },
    });
    await listen(app.server);
    const { tlsCertificate: certificateFile, tlsKey: keyFile, host, tlsPort: port } = settings;
    if (certificateFile) {
      const tls = await app.listenTls({ host, port, certificateFile, keyFile });
      logger.info({ host, port: tls.port }, 'listening for TLS');
      process.on('SIGHUP', () => void tls.reload());
    }
    app.start();
    onClose('appliance', () => app.stop(shutdownGraceMs));
  },
});

/** Whether the event loop was nearly always at work within the last second. */
function watchStrain(repeat: (name: string, everyMs: number, task: () => Promise<unknown>) => void): () => boolean {
  let before = performance.eventLoopUtilization();
  let utilization = 0;
  repeat('watch the event loop', 1_000, async () => {
    const now = performance.eventLoopUtilization();
    utilization = performance.eventLoopUtilization(now, before).utilization;
    before = now;
  });
  return () => utilization > 0.8;
}

async function softwareVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
