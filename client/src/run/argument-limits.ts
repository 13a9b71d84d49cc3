import { readFileSync } from 'node:fs';

/** What execve(2) copies into a new process. */
export interface Arguments {
  readonly parameters: readonly string[];
  /** Each as `NAME=value`. */
  readonly environment: readonly string[];
}

const pointerBytes = 8;
/** For the path of the program and of its interpreter. */
const reservedBytes = 8 * 1024;
/** 32 pages of 4 KiB: systems with larger pages accept more. */
const linuxStringBytesMax = 128 * 1024;
const linuxBytesLeast = 128 * 1024;
const linuxBytesMost = 6 * 1024 * 1024;
/** Less than any other system accepts. */
const otherBytesMax = 256 * 1024;

/** Whether execve(2) is certain to accept so much. Where it is not, it may, but would abort this process otherwise. */
export function fitsArguments({ parameters, environment }: Arguments): boolean {
  const sizes = [...parameters, ...environment].map((text) => Buffer.byteLength(text) + 1);
  const total = sizes.reduce((sum, size) => sum + size + pointerBytes, reservedBytes);
  if (process.platform !== 'linux') return total <= otherBytesMax;
  return total <= linuxBytesMax() && sizes.every((size) => size <= linuxStringBytesMax);
}

/** A quarter of the stack's limit, within bounds. @see execve(2), "Limits on size of arguments and environment" */
function linuxBytesMax(): number {
  const limits = readLimits();
  if (limits === undefined) return linuxBytesLeast;
  const stack = /^Max stack size\s+(\d+)/m.exec(limits)?.[1];
  if (stack === undefined) return linuxBytesMost;
  return Math.min(Math.max(Number(stack) / 4, linuxBytesLeast), linuxBytesMost);
}

/** Undefined where `/proc` is not mounted, or is that of another namespace. */
function readLimits(): string | undefined {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return undefined;
  }
}
