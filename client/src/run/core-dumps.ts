import { readFileSync, writeFileSync } from 'node:fs';

/** Gives a process the filter that this one had before; `self`, or a process id. */
export type RestoreCoreDumps = (process: 'self' | number) => void;

/**
 * Keeps the memory of this process, which is about to contain secrets, out of core files. A program that replaces this
 * one inherits the setting, and so does a child: the returned function undoes it for them. Only Linux has it.
 *
 * @see core(5), "Controlling which mappings are written to the core dump"
 */
export function excludeMemoryFromCoreDumps(): RestoreCoreDumps {
  const earlier = readFilter();
  if (earlier === undefined) return () => undefined;
  writeFilter('self', '0');
  return (process) => writeFilter(process, `0x${earlier}`);
}

function readFilter(): string | undefined {
  try {
    return readFileSync(pathOf('self'), 'utf8').trim();
  } catch {
    return undefined;
  }
}

function writeFilter(process: 'self' | number, filter: string): void {
  try {
    writeFileSync(pathOf(process), filter);
  } catch {
    // A child that has ended, or changed its user, has no use for it.
  }
}

function pathOf(process: 'self' | number): string {
  return `/proc/${process}/coredump_filter`;
}
