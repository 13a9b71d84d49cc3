import type { ChooseDialect, SharedPathRequest } from '../gateway/routes/shared-path.ts';
import type { CredentialVault } from '../vault/credentials/credential-vault.ts';
import { VaultError } from '../vault/errors.ts';
import type { SharedPathHints } from './shared-path-hints.ts';
import { isJsonObject } from '../vault/json.ts';

/** What tells which dialect created a credential. */
type Origins = Pick<CredentialVault, 'originOf'>;

type Named = string | undefined;

/** Names the dialect that a request is meant for, or undefined where it does not show it. */
type Rule = (request: SharedPathRequest, origins: Origins) => Named | Promise<Named>;

/** The members of a body that only one of the dialects has, the stronger sign first. */
const bodyMembers: readonly [dialect: string, members: readonly string[]][] = [
  ['flowise', ['credentialName', 'credentialData', 'plainDataObj']],
  ['mielto', ['label', 'auth_type', 'credential_scope', 'credentials']],
];

/** The same of query parameters, a list of which may be spelt with brackets, and of headers. */
const parameters: readonly [dialect: string, query: readonly string[], headers: readonly string[]][] = [
  ['flowise', ['credentialName', 'credentialName[]'], ['x-request-from']],
  ['mielto', ['skip', 'limit', 'auth_type', 'credential_type'], ['x-workspace-id', 'x-api-key']],
];

/** Who answers a path that several dialects document; the first rule that names a candidate decides. */
const rules: readonly Rule[] = [
  // 1. A mount prefix.
  ({ path }) => path.split('/')[1],
  // 2. The API key's own dialect.
  ({ callerDialect }) => callerDialect,
  // 3. The body's members.
  ({ body }) =>
    isJsonObject(body)
      ? bodyMembers.find(([, members]) => members.some((member) => Object.hasOwn(body, member)))?.[0]
      : undefined,
  // 4. The query and the headers.
  ({ query, headers }) =>
    parameters.find(
      ([, names, fields]) => names.some((name) => query.has(name)) || fields.some((field) => headers.has(field)),
    )?.[0],
  // 5. By id: the dialect that created the credential, also when it has been deleted.
  originOfCredential,
  // 6. The documented path.
  ({ path }) => (path.endsWith('/') ? 'flowise' : 'mielto'),
];

/** How many of the rules answer a client always in the same form. */
const surest = 2;

/** Makes the choice of the dialect that answers a request, among those that have a route for it; the first where no rule names one. */
export function createDialectChoice(origins: Origins, hints?: Pick<SharedPathHints, 'note'>): ChooseDialect {
  return async (candidates, request) => {
    for (const [index, rule] of rules.entries()) {
      const named = await rule(request, origins);
      if (named === undefined || !candidates.includes(named)) continue;
      if (index >= surest) hints?.note(request.caller, named);
      return named;
    }
    return candidates[0];
  };
}

async function originOfCredential(
  { caller, pathValues: [id], signal }: SharedPathRequest,
  origins: Origins,
): Promise<Named> {
  if (!caller || id === undefined) return undefined;
  try {
    return await origins.originOf({ caller, workspaceId: caller.defaultWorkspaceId, signal }, id);
  } catch (error) {
    // Whoever answers in the end meets the same trouble, and has his own words for it.
    if (error instanceof VaultError) return undefined;
    throw error;
  }
}
