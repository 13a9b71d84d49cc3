import { existsSync } from 'node:fs';
import type { Context } from 'mocha';

/** Leaves a suite out where a program that it needs is not installed. Where all of them have to be, in CI, it fails instead. */
export function requireProgram(context: Context, path: string): void {
  if (existsSync(path)) return;
  if (process.env['CI'] === 'true') throw new Error(`${path} is not installed, and no suite may be left out here`);
  context.skip();
}
