/**
 * How every process starts and stops.
 *
 * | phase    | what happens |
 * |----------|--------------|
 * | reading  | settings are read and checked; a mistake ends the process with code 78 and one line for each |
 * | starting | `start` opens what it needs and registers how each thing is closed; a failure closes what is open, code 1 |
 * | running  | until SIGTERM, SIGINT, the end of a supervising parent, or an error that nobody caught |
 * | closing  | closers run last-opened-first within the grace time; a second signal ends the process at once |
 */
import { systemClock } from './clock.ts';
import type { HttpServer } from './http-server.ts';
import { type Logger, makeLogger } from './logger.ts';
import { type Metrics, makeMetrics } from './metrics.ts';
import { repeat } from './repeat.ts';
import { readSettings, type SettingName, type Settings, SettingsError, unknownSettings } from './settings.ts';

const commonSettings = ['host', 'port', 'logLevel', 'shutdownGraceMs'] as const;
type CommonSetting = (typeof commonSettings)[number];

/** EX_CONFIG of sysexits.h: starting again without a change cannot help. */
const exitConfiguration = 78;

export interface ProcessContext<N extends SettingName> {
  readonly settings: Pick<Settings, N | CommonSetting>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: typeof systemClock;
  /** Registers how something that was opened is closed again. */
  onClose(name: string, close: () => Promise<unknown> | unknown): void;
  /** Runs a task now and again after each pause until the process closes; see `repeat`. */
  repeat(name: string, everyMs: number, task: (signal: AbortSignal) => Promise<unknown>): void;
  /** Listens on the configured address, says so, and registers the close. Resolves with the port. */
  listen(server: HttpServer): Promise<number>;
}

export interface ProcessDefinition<N extends SettingName> {
  readonly name: string;
  readonly settings: readonly N[];
  start(context: ProcessContext<N>): Promise<void>;
}

/** Message to a supervising parent once the process listens. */
export interface ListeningMessage {
  readonly type: 'listening';
  readonly port: number;
}

/** Runs one process from `process.env` to its exit; called once, by a `main.ts`. */
export async function runProcess<const N extends SettingName>(definition: ProcessDefinition<N>): Promise<void> {
  const settings = settingsOrExit(definition.settings);
  const logger = makeLogger(definition.name, settings.logLevel);
  const metrics = makeMetrics(definition.name);
  const closers: { readonly name: string; readonly close: () => Promise<unknown> | unknown }[] = [];
  let closing: Promise<never> | null = null;

  const stop = (reason: string, exitCode: number): Promise<never> => {
    closing ??= (async () => {
      logger.info({ reason }, 'stopping');
      const timer = setTimeout(() => {
        logger.warn('did not stop in the grace time; dropping what is left');
        process.exit(exitCode || 1);
      }, settings.shutdownGraceMs + 2_000);
      timer.unref();
      for (const { name, close } of closers.reverse()) {
        try {
          await close();
        } catch (error) {
          logger.error({ err: error }, `closing ${name} failed`);
        }
      }
      logger.info('stopped');
      process.exit(exitCode);
    })();
    return closing;
  };

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (closing) process.exit(130);
      void stop(signal, 0);
    });
  }
  process.on('disconnect', () => void stop('parent is gone', 0));
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'uncaught error');
    void stop('uncaught error', 1);
  });

  for (const name of unknownSettings(process.env)) logger.warn({ name }, 'no such setting; see docs/configuration.md');
  try {
    await definition.start({
      settings,
      logger,
      metrics,
      clock: systemClock,
      onClose: (name, close) => closers.push({ name, close }),
      repeat: (name, everyMs, task) =>
        closers.push({ name, close: repeat({ name, everyMs, clock: systemClock, logger, task }) }),
      listen: async (server) => {
        await server.listen({ host: settings.host, port: settings.port });
        closers.push({ name: 'http server', close: () => server.close() });
        const address = server.server.address();
        const port = typeof address === 'object' && address ? address.port : settings.port;
        logger.info({ host: settings.host, port }, 'listening');
        process.send?.({ type: 'listening', port } satisfies ListeningMessage);
        return port;
      },
    });
  } catch (error) {
    if (error instanceof SettingsError) printMistakes(error);
    else logger.fatal({ err: error }, 'could not start');
    await stop('could not start', error instanceof SettingsError ? exitConfiguration : 1);
  }
}

function printMistakes({ mistakes }: SettingsError): void {
  for (const mistake of mistakes) process.stderr.write(`configuration: ${mistake}\n`);
}

function settingsOrExit<const N extends SettingName>(names: readonly N[]): Pick<Settings, N | CommonSetting> {
  try {
    return readSettings(process.env, [...commonSettings, ...names]);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    printMistakes(error);
    process.exit(exitConfiguration);
  }
}
