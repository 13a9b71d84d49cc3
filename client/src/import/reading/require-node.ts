import { ImportError } from './import-error.ts';

const needed = { major: 24, minor: 7 };

/**
 * Refuses to go on under a Node that lacks what a source needs.
 *
 * @throws ImportError
 */
export function requireNode(purpose: string, version = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > needed.major || (major === needed.major && minor >= needed.minor)) return;
  throw new ImportError(`${purpose} needs Node ${needed.major}.${needed.minor} or newer; this is ${version}`);
}
