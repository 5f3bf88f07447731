import { runProcess } from '../../shared/platform/lifecycle.ts';
import { makeConsoleApp } from './app.ts';
import { consoleSettings, readConsoleSettings } from './config.ts';

await runProcess({
  name: 'console',
  settings: consoleSettings,
  async start({ settings, logger, metrics, clock, listen }) {
    await listen(await makeConsoleApp({ logger, metrics, clock, settings: readConsoleSettings(settings) }));
  },
});
