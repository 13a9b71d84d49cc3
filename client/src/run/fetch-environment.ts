import { revealAllOf } from './all-of.ts';
import { refuseReserved, type EnvironmentPlan, type EnvironmentRules, type Variables } from './environment.ts';
import { formatReference } from './reference.ts';
import { isReservedForFields } from './reserved-variables.ts';
import { revealReferences, type RevealedField } from './reveal-references.ts';
import { refusalCodes, StartRefusal } from './start-refusal.ts';
import type { VaultCalls } from './vault-calls.ts';

/** What is fetched for a command. */
export interface SecretsWanted {
  readonly plan: EnvironmentPlan;
  /** The filter of credentials whose fields all become variables. */
  readonly allOf: string | undefined;
  readonly rules: EnvironmentRules;
}

/** The environment of a command, with its secrets. */
export interface FetchedEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  /** The credentials that the secrets are from. */
  readonly credentialIds: ReadonlySet<string>;
}

/** Why the secrets are revealed, in the audit trail. */
const purpose = 'coffer run';

/**
 * Fetches the secrets of a command. What the user names wins over `--all-of`, and both win over the inherited
 * environment, unless that is preserved.
 *
 * @param connect makes the client, which is not needed where there is nothing to fetch
 * @throws StartRefusal where a secret is missing, would be a reserved variable, or cannot be in an environment
 */
export async function fetchEnvironment(
  connect: () => Promise<VaultCalls>,
  wanted: SecretsWanted,
): Promise<FetchedEnvironment> {
  const { plan, rules } = wanted;
  const fields = needsSecrets(wanted) ? await fetchFields(await connect(), wanted) : new Map<string, RevealedField>();
  const values = [...fields].map(([name, { value }]) => [name, value] as const);
  const variables = new Map([...plan.variables, ...values]);
  refuseUnknownNames(rules.only, variables);
  refuseUnusable(variables);
  const credentialIds = new Set(Array.from(fields.values(), ({ credentialId }) => credentialId));
  return { variables: Object.fromEntries(variables), credentialIds };
}

/** Whether the server is needed at all. */
export function needsSecrets({ plan, allOf }: SecretsWanted): boolean {
  return plan.references.size > 0 || allOf !== undefined;
}

async function fetchFields(vault: VaultCalls, { plan, allOf, rules }: SecretsWanted) {
  const [revealed, selected] = await Promise.all([
    revealReferences(vault, plan.references.values(), purpose),
    allOf === undefined ? new Map<string, RevealedField>() : revealAllOf(vault, allOf, purpose),
  ]);
  const fields = new Map([...selected].filter(([name]) => plan.isOpen(name)));
  refuseReserved(fields.keys(), rules, isReservedForFields);
  for (const [name, reference] of plan.references) {
    const field = revealed.get(formatReference(reference));
    if (field) fields.set(name, field);
  }
  return fields;
}

function refuseUnknownNames(only: ReadonlySet<string> | undefined, variables: Variables): void {
  const unknown = [...(only ?? [])].filter((name) => !variables.has(name));
  if (unknown.length === 0) return;
  throw new StartRefusal(refusalCodes.usage, `--only names what is nowhere: ${unknown.join(', ')}`);
}

/** The error of the system would quote the value. */
function refuseUnusable(variables: Variables): void {
  for (const [name, value] of variables) {
    if (name.includes('\0') || value.includes('\0')) {
      throw new StartRefusal(
        refusalCodes.error,
        `${JSON.stringify(name)} contains U+0000, which no environment can hold`,
      );
    }
  }
}
