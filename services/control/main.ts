import { backendSettings, openBackend } from '../../shared/adapters/backend.ts';
import { runProcess } from '../../shared/platform/lifecycle.ts';
import { makeControlApp } from './app.ts';
import { startDemandFlush } from './background.ts';
import { controlSettings, readControlSettings } from './config.ts';
import { makeReadInventory } from './fleet/inventory-client.ts';
import { makeNudge } from './fleet/nudge.ts';
import { resumeWork } from './status/rebuild.ts';

await runProcess({
  name: 'control',
  settings: [...backendSettings, ...controlSettings],
  async start(context) {
    const { logger, metrics, clock, onClose, listen } = context;
    const settings = readControlSettings(context.settings);
    const { jobs, catalogue, fleet, demandLog, documents, readiness } = await openBackend(context, 'control');
    await readiness.redis();
    onClose('demand log', startDemandFlush({ demandLog, clock, logger }));

    // Live copies are loaded by whoever reads them first; jobs that went with a lost Redis come back here.
    const resumed = await resumeWork({ ...settings, fleet, catalogue, demandLog, documents, jobs, clock });
    logger.info({ resumed }, 'unfinished work has its jobs');

    const readInventory = makeReadInventory(settings.fleetSecret);
    const nudge = makeNudge(settings.fleetSecret);
    const ports = { fleet, catalogue, documents, demandLog, jobs, readInventory, nudge };
    await listen(await makeControlApp({ ...ports, logger, metrics, clock, checks: readiness, settings }));
  },
});
