import { makeApplianceHttpApi } from '../../shared/adapters/appliance-http/appliance-http.ts';
import { makeBullmqJobQueue } from '../../shared/adapters/bullmq/bullmq-job-queue.ts';
import { makeStoreDocuments } from '../../shared/adapters/documents/store-documents.ts';
import {
  openObjectStore,
  openRedis,
  redisSettings,
  redisUrl,
  storeSettings,
} from '../../shared/adapters/from-settings.ts';
import { makeRedisCatalogue } from '../../shared/adapters/redis/redis-catalogue.ts';
import { makeRedisDemandLog } from '../../shared/adapters/redis/redis-demand-log.ts';
import { makeRedisFleet } from '../../shared/adapters/redis/redis-fleet.ts';
import { makeHttpServer } from '../../shared/platform/http-server.ts';
import { runProcess } from '../../shared/platform/lifecycle.ts';
import { applianceCredential } from '../../shared/tokens/credentials.ts';
import { forecastSettings, keepSchedulesEveryMs, parallelPlans, scheduleSlackMs } from './config.ts';
import { makePlanRegion } from './plan-region.ts';
import { makeKeepSchedules } from './schedule.ts';
import { makeScoreRegion } from './score-region.ts';

await runProcess({
  name: 'forecast',
  settings: [...redisSettings, ...storeSettings, ...forecastSettings],
  start: async ({ settings, logger, metrics, clock, onClose, listen }) => {
    const redis = openRedis(settings, { name: 'forecast', logger });
    onClose('redis', () => redis.close());
    const store = await openObjectStore(settings);
    onClose('object store', () => store.close());
    const api = makeApplianceHttpApi({ credentialOf: (id) => applianceCredential(settings.fleetSecret, id) });
    onClose('appliance client', () => api.close());
    const jobs = makeBullmqJobQueue({
      redisUrl: redisUrl(settings),
      clock,
      onError: (error) => logger.warn({ err: error }, 'the job queue has trouble'),
    });
    onClose('job queue', () => jobs.close());

    const fleet = makeRedisFleet({ redis, store, clock });
    const documents = makeStoreDocuments(store);
    const demandLog = makeRedisDemandLog({ redis, store, clock });
    await listen(
      makeHttpServer({ logger, metrics, readiness: { redis: () => redis.ready(), store: () => store.check() } }),
    );

    const planned = metrics.counter('nightfill_plans_total', 'Planning jobs by how they ended.', ['outcome']);
    const planRegion = makePlanRegion({
      fleet,
      catalogue: makeRedisCatalogue({ redis, store, clock }),
      documents,
      demandLog,
      store,
      api,
      jobs,
      clock,
      logger,
      historyDays: settings.historyDays,
      longestLeadMs: settings.planLeadMs + scheduleSlackMs,
    });
    const planner = await jobs.work(
      'plan-region',
      async (job) => {
        try {
          const result = await planRegion(job);
          planned.inc({ outcome: result.kind });
          return result;
        } catch (error) {
          planned.inc({ outcome: 'failed' });
          throw error;
        }
      },
      { concurrency: parallelPlans },
    );
    onClose('planner', () => planner.close(settings.shutdownGraceMs));
    const scorer = await jobs.work('score-region', makeScoreRegion({ fleet, documents, demandLog, clock }));
    onClose('scorer', () => scorer.close(settings.shutdownGraceMs));

    const stopping = new AbortController();
    const keepSchedules = makeKeepSchedules({ fleet, documents, jobs, clock, planLeadMs: settings.planLeadMs });
    const keeping = (async () => {
      while (!stopping.signal.aborted) {
        await keepSchedules().catch((error: unknown) => logger.warn({ err: error }, 'schedules could not be kept'));
        await clock.sleep(keepSchedulesEveryMs, stopping.signal).catch(() => undefined);
      }
    })();
    onClose('schedules', () => {
      stopping.abort();
      return keeping;
    });
  },
});
