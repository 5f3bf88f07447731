/** How a command ends: the codes that scripts can trust, and the errors that carry them. Listed in docs/cli.md. */

export const exitCodes = {
  ok: 0,
  /** The work was done and did not succeed: a failed transcode, an incomplete fill, a finding of `doctor`. */
  failed: 1,
  /** The command line or a setting cannot be understood; nothing was done. */
  usage: 2,
  /** Nothing answers at the API's address. */
  unreachable: 3,
  /** The API refused (4xx). */
  refused: 4,
  /** The API failed (5xx); trying again later may help. */
  serverError: 5,
  /** Ctrl-C; what was begun on the server goes on there. */
  interrupted: 130,
  /** The reader of standard output went away. */
  brokenPipe: 141,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** An error whose message is for people: one line that says what is wrong and how to mend it. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  /** Stable name for machines; the API's own code where the API refused. */
  readonly code: string;

  constructor(exitCode: ExitCode, code: string, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.name = 'CliError';
    this.exitCode = exitCode;
    this.code = code;
  }
}

export const usageError = (message: string): CliError => new CliError(exitCodes.usage, 'usage', message);
export const failure = (code: string, message: string): CliError => new CliError(exitCodes.failed, code, message);
export const interruption = (message: string): CliError => new CliError(exitCodes.interrupted, 'interrupted', message);
