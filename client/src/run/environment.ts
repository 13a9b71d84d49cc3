import { InvalidReferenceError, isReference, parseReference, type Reference } from './reference.ts';
import { isReserved } from './reserved-variables.ts';
import { refusalCodes, StartRefusal } from './start-refusal.ts';

export type Variables = ReadonlyMap<string, string>;

/** What decides about the environment of a command, beside the secrets themselves. */
export interface EnvironmentRules {
  /** The variables that `run` may set; all if undefined. */
  readonly only: ReadonlySet<string> | undefined;
  /** Whether a variable of the inherited environment wins over the env files and the vault. */
  readonly preservesInherited: boolean;
  /** Whether variables may be set that decide which code a program loads. */
  readonly allowsReserved: boolean;
  /** Whether the command inherits the token with which its secrets are fetched. */
  readonly keepsToken: boolean;
  readonly platform: NodeJS.Platform;
}

/** An environment whose secrets are still to be fetched. */
export interface EnvironmentPlan {
  /** What needs no secret. */
  readonly variables: Variables;
  /** The field that each of these variables gets. */
  readonly references: ReadonlyMap<string, Reference>;
  /** The variables that the user has named in env files, or by references. */
  readonly named: ReadonlySet<string>;
  /** Whether a variable may be set from the vault that the user has not named. */
  readonly isOpen: (variable: string) => boolean;
}

/** With the token, the command could reveal more than it is given. */
const tokenVariable = 'COFFER_TOKEN';

/**
 * Lays the env files over the inherited environment, and finds the references in both.
 *
 * @throws StartRefusal for a reserved variable, or an invalid reference
 */
export function planEnvironment(inherited: Variables, files: Variables, rules: EnvironmentRules): EnvironmentPlan {
  const isOpen = (name: string) =>
    (rules.only?.has(name) ?? true) && !(rules.preservesInherited && inherited.has(name) && name !== tokenVariable);
  const chosen = [...files].filter(([name]) => isOpen(name));
  const passed = [...inherited].filter(([name]) => rules.keepsToken || name !== tokenVariable);
  const variables = new Map([...passed, ...chosen]);
  const references = findReferences(variables, rules);
  for (const name of references.keys()) variables.delete(name);
  const named = new Set([...chosen.map(([name]) => name), ...references.keys()]);
  refuseReserved(named, rules);
  return { variables, references, named, isOpen: (name) => isOpen(name) && !named.has(name) };
}

/** @throws StartRefusal where a name may not be set without a flag */
export function refuseReserved(
  names: Iterable<string>,
  { allowsReserved, platform }: Pick<EnvironmentRules, 'allowsReserved' | 'platform'>,
  isReservedHere: typeof isReserved = isReserved,
): void {
  if (allowsReserved) return;
  const reserved = [...names].filter((name) => isReservedHere(name, platform));
  if (reserved.length === 0) return;
  throw new StartRefusal(
    refusalCodes.usage,
    `not set without --allow-reserved, since programs load code by it: ${reserved.join(', ')}`,
  );
}

function findReferences(variables: Variables, { only }: EnvironmentRules): ReadonlyMap<string, Reference> {
  const referring = [...variables].filter(([name, value]) => (only?.has(name) ?? true) && isReference(value));
  return new Map(referring.map(([name, value]) => [name, readReference(name, value)]));
}

function readReference(name: string, value: string): Reference {
  try {
    return parseReference(value);
  } catch (error) {
    if (!(error instanceof InvalidReferenceError)) throw error;
    throw new StartRefusal(refusalCodes.usage, `${name}: ${error.message}`, { cause: error });
  }
}
