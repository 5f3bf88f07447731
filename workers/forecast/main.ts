import { makeApplianceHttpApi } from '../../shared/adapters/appliance-http/appliance-http.ts';
import { backendSettings, openBackend } from '../../shared/adapters/backend.ts';
import { makeHttpServer } from '../../shared/platform/http-server.ts';
import { runProcess } from '../../shared/platform/lifecycle.ts';
import { applianceCredential } from '../../shared/tokens/credentials.ts';
import {
  catchUpScoresEveryMs,
  forecastSettings,
  keepSchedulesEveryMs,
  parallelPlans,
  scheduleSlackMs,
  sweepEveryMs,
} from './config.ts';
import { makeExplainAsset } from './explain-asset.ts';
import { makeCatchUpScores } from './missed-scores.ts';
import { makePlanRegion } from './plan-region.ts';
import { makeKeepSchedules } from './schedule.ts';
import { makeShowScores } from './score-metrics.ts';
import { makeScoreRegion } from './score-region.ts';
import { makeVerifyReport } from './verify-report.ts';

await runProcess({
  name: 'forecast',
  settings: [...backendSettings, ...forecastSettings],
  start: async (context) => {
    const { settings, logger, metrics, clock, onClose, listen, repeat } = context;
    const { store, jobs, catalogue, fleet, demandLog, documents, readiness } = await openBackend(context, 'forecast');
    const api = makeApplianceHttpApi({ credentialOf: (id) => applianceCredential(settings.fleetSecret, id) });
    onClose('appliance client', () => api.close());
    await listen(makeHttpServer({ logger, metrics, readiness }));

    const planned = metrics.counter('nightfill_plans_total', 'Planning jobs by how they ended.', ['outcome']);
    const planRegion = makePlanRegion({
      fleet,
      catalogue,
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

    const explainer = await jobs.work('explain-asset', makeExplainAsset(documents));
    onClose('explainer', () => explainer.close(settings.shutdownGraceMs));
    const verifier = await jobs.work('verify-report', makeVerifyReport({ documents, demandLog }));
    onClose('verifier', () => verifier.close(settings.shutdownGraceMs));

    const keepSchedules = makeKeepSchedules({ fleet, documents, jobs, clock, planLeadMs: settings.planLeadMs });
    repeat('keeping schedules', keepSchedulesEveryMs, keepSchedules);
    const show = makeShowScores(metrics);
    const catchUpScores = makeCatchUpScores({ fleet, documents, jobs, clock, show });
    repeat('catching up on scores', catchUpScoresEveryMs, catchUpScores);
    repeat('sweep of parts', sweepEveryMs, async (signal) => {
      const deleted = await documents.sweepParts(new Date(clock.now() - sweepEveryMs), signal);
      if (deleted > 0) logger.info({ deleted }, 'removed parts of plans and forecasts that were never finished');
    });
  },
});
