import type { Dialect } from '../gateway/contract/dialect.ts';
import { cofferDialect } from './coffer/dialect.ts';
import { fishnetDialect } from './fishnet/dialect.ts';
import { flowiseDialect } from './flowise/dialect.ts';
import { mieltoDialect } from './mielto/dialect.ts';
import { miniflowDialect } from './miniflow/dialect.ts';
import { scaleDialect } from './scale/dialect.ts';
import type { DialectParts } from './shared/dialect-parts.ts';

export type { DialectParts };

/** Every dialect by its name, the native API first. */
const factories = {
  coffer: cofferDialect,
  flowise: flowiseDialect,
  fishnet: fishnetDialect,
  mielto: mieltoDialect,
  scale: scaleDialect,
  miniflow: miniflowDialect,
} as const satisfies Record<string, (parts: DialectParts) => Dialect>;

/** The names of all dialects: what an API key may be issued for. */
export const dialectNames: readonly string[] = Object.keys(factories);

/** Creates all dialects. */
export function dialects(parts: DialectParts): Dialect[] {
  return Object.values(factories).map((create) => create(parts));
}
