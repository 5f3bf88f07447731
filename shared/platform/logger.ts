import { type Logger as PinoLogger, pino } from 'pino';

export type Logger = PinoLogger;

/** Secrets travel in these places; they never reach a log line. */
const redacted = [
  'req.headers.authorization',
  'req.headers.cookie',
  'headers.authorization',
  'headers.cookie',
  '*.credential',
  '*.password',
];

/** Structured lines on standard output, one JSON object each, with the process's name. */
export function makeLogger(name: string, level: string): Logger {
  return pino({
    name,
    level,
    redact: { paths: redacted, censor: '[redacted]' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}

/** A playback token in a path or query is a bearer credential: it is cut out of what is logged. */
export const withoutToken = (url: string): string =>
  url.replace(/^\/t\/[^/]+\//, '/t/[token]/').replace(/([?&]token=)[^&]*/g, '$1[token]');
