import { CommandError, usageError } from '../errors/command-error.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import { upperSnakeCase } from '../../run/field-variables.ts';
import { checkVariableName, isDangerousVariable } from './variable-names.ts';

/** A secret with the name of its credential. */
export interface NamedSecret {
  readonly name: string;
  readonly secret: Readonly<Record<string, unknown>>;
}

/** How variables are named. */
export interface VariableNaming {
  /** Put before each name as it is. */
  readonly prefix?: string | undefined;
  /** Whether `PATH`, `LD_*`, `DYLD_*` and `NODE_OPTIONS` may be set. */
  readonly allowsDangerous?: boolean | undefined;
}

/**
 * The fields of secrets as variables: the field in upper snake case, with the name of the credential before it if there are
 * several credentials.
 *
 * @throws CommandError for two fields of one name, a name that shells do not take, and a dangerous one
 */
export function variablesOf(secrets: readonly NamedSecret[], naming: VariableNaming = {}): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const { name, secret } of secrets) {
    for (const [field, value] of Object.entries(secret)) {
      const variable = variableOf(secrets.length > 1 ? `${name}_${field}` : field, naming, `${name}/${field}`);
      if (variables.has(variable)) throw duplicate(variable, `${name}/${field}`);
      variables.set(variable, textOfValue(value));
    }
  }
  return variables;
}

/** A value of a field as a text: texts as they are, everything else in JSON. */
export function textOfValue(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function variableOf(name: string, { prefix = '', allowsDangerous }: VariableNaming, origin: string): string {
  const variable = checkVariableName(prefix + upperSnakeCase(name), origin);
  if (!allowsDangerous && isDangerousVariable(variable)) {
    throw usageError(`${origin} would set ${variable}, which changes how programs are found or loaded`);
  }
  return variable;
}

function duplicate(variable: string, origin: string): CommandError {
  return new CommandError(exitCodes.error, `${origin} and another field would both be ${variable}`);
}
