import pino from 'pino';

/** Structured log. Fields first, message second, as pino has it. No secret ever goes into a field. */
export type Logger = pino.Logger;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** JSON lines on `destinationFd` (2 = stderr by default), time as ISO 8601 with milliseconds. */
export function createLogger(options: { level: LogLevel; destinationFd?: number; name?: string }): Logger {
  return pino(
    {
      level: options.level,
      base: options.name === undefined ? {} : { name: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: options.destinationFd ?? 2, sync: true }),
  );
}

export const silentLogger: Logger = pino({ level: 'silent' });
