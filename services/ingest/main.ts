import { backendSettings, openBackend } from '../../shared/adapters/backend.ts';
import { openPartUploads } from '../../shared/adapters/from-settings.ts';
import { probeSource } from '../../shared/media/probe.ts';
import { runProcess } from '../../shared/platform/lifecycle.ts';
import { makeIngestApp } from './app.ts';
import { ingestConfig, ingestSettings } from './config.ts';
import { makeDeliverWebhook } from './deliver-webhook.ts';

/** Pause between two rounds of mending. */
const sweepEveryMs = 60_000;

await runProcess({
  name: 'ingest',
  settings: [...backendSettings, ...ingestSettings],
  start: async (context) => {
    const { settings, logger, metrics, clock, onClose, listen, repeat } = context;
    const { store, jobs, catalogue, documents, readiness } = await openBackend(context, 'ingest');
    const parts = openPartUploads(settings);
    onClose('uploads in parts', () => parts.close());
    const { server, sweep } = await makeIngestApp({
      config: ingestConfig(settings),
      catalogue,
      documents,
      store,
      parts,
      jobs,
      probe: probeSource,
      checkRedis: readiness.redis,
      clock,
      logger,
      metrics,
    });
    if (settings.webhookUrl !== '') {
      const { webhookUrl, webhookSecret } = settings;
      const deliver = makeDeliverWebhook({ url: webhookUrl, secret: webhookSecret, clock });
      const teller = await jobs.work('deliver-webhook', deliver, { concurrency: 4 });
      onClose('webhooks', () => teller.close(settings.shutdownGraceMs));
    }
    await listen(server);

    // The first round starts anew what ended without an end; it may have whole uploads to store, so nobody waits for it.
    let replaceEnded = true;
    repeat('mending', sweepEveryMs, async () => {
      const round = { replaceEnded };
      replaceEnded = false;
      await sweep(round);
    });
  },
});
