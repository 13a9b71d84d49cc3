import type { SharedPathRequest } from '../gateway/rest.ts';
import { isJsonObject } from '../vault/json.ts';

/** Names the dialect that a request is meant for, or undefined where it does not show it. */
type Rule = (request: SharedPathRequest) => string | undefined;

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
  // 6. The documented path. (5., by id, comes with the routes that name one.)
  ({ path }) => (path.endsWith('/') ? 'flowise' : 'mielto'),
];

/**
 * Chooses the dialect that answers a request, among those that have a route for it.
 *
 * @returns one of the candidates; the first of them where no rule names one
 */
export function chooseDialect(candidates: readonly string[], request: SharedPathRequest): string | undefined {
  for (const rule of rules) {
    const named = rule(request);
    if (named !== undefined && candidates.includes(named)) return named;
  }
  return candidates[0];
}
