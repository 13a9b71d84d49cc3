import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';

/** What ends or controls a program, and is meant for the command where this process stays its parent. */
const forwarded = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;
const forwardedOnWindows = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGBREAK'] as const;
/** A terminal sends these to all processes of its foreground group: forwarding would deliver them twice. */
const ofTerminals: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT', 'SIGBREAK']);

/** Passes the signals of this process on, until the returned function is called. */
export function forwardSignals(pass: (signal: NodeJS.Signals) => void): () => void {
  const signals = process.platform === 'win32' ? forwardedOnWindows : forwarded;
  const listener = (signal: NodeJS.Signals) => {
    if (!ofTerminals.has(signal) || !isInForeground()) pass(signal);
  };
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}

/** Whether the group of this process, and so its child, gets what is typed at a terminal. @see proc_pid_stat(5) */
function isInForeground(): boolean {
  const stat = process.platform === 'linux' ? readStat() : undefined;
  if (stat === undefined) return isatty(0);
  const [, , group, , , terminalGroup] = stat.split(') ').at(-1)?.split(' ') ?? [];
  return group !== undefined && group === terminalGroup;
}

/** Undefined where `/proc` is not mounted, or is that of another namespace. */
function readStat(): string | undefined {
  try {
    return readFileSync('/proc/self/stat', 'latin1');
  } catch {
    return undefined;
  }
}
