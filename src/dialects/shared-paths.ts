import type { Logger } from 'pino';
import type { ChooseDialect, SharedPathRequest } from '../gateway/routes/route-table.ts';
import { BoundedMap } from '../vault/bounded-map.ts';
import type { Caller } from '../vault/caller.ts';
import type { CredentialVault } from '../vault/credentials/credential-vault.ts';
import { VaultError } from '../vault/errors.ts';
import { isJsonObject } from '../vault/json.ts';
import type { Clock } from '../vault/time.ts';

/** Looks up which dialect created a credential. */
type Origins = Pick<CredentialVault, 'originOf'>;

type DialectName = string | undefined;

/** Names the dialect that a request is meant for; undefined where the request does not show it. */
type Rule = (request: SharedPathRequest, origins: Origins) => DialectName | Promise<DialectName>;

/** The members of a body that only one of the dialects has; the first match decides. */
const bodyMembers: readonly [dialect: string, members: readonly string[]][] = [
  ['flowise', ['credentialName', 'credentialData', 'plainDataObj']],
  ['mielto', ['label', 'auth_type', 'credential_scope', 'credentials']],
];

/** The query parameters and headers that only one of the dialects has; a list may be written with brackets. */
const parameters: readonly [dialect: string, query: readonly string[], headers: readonly string[]][] = [
  ['flowise', ['credentialName', 'credentialName[]'], ['x-request-from']],
  ['mielto', ['skip', 'limit', 'auth_type', 'credential_type'], ['x-workspace-id', 'x-api-key']],
];

/** The rules for a path that several dialects document; the first that names a candidate decides. */
const rules: readonly Rule[] = [
  // 1. A mount prefix.
  ({ path }) => path.split('/')[1],
  // 2. The dialect of the API key.
  ({ callerDialect }) => callerDialect,
  // 3. The members of the body.
  ({ body }) =>
    isJsonObject(body)
      ? bodyMembers.find(([, members]) => members.some((member) => Object.hasOwn(body, member)))?.[0]
      : undefined,
  // 4. The query and the headers.
  ({ query, headers }) =>
    parameters.find(
      ([, names, fields]) => names.some((name) => query.has(name)) || fields.some((field) => headers.has(field)),
    )?.[0],
  // 5. By id: the dialect that created the credential, also after its deletion.
  originOfCredential,
  // 6. The documented path.
  ({ path }) => (path.endsWith('/') ? 'flowise' : 'mielto'),
];

/** The first rules, by which all requests of a client get the same dialect. */
const stableRules = 2;

/** Chooses the dialect that answers a request among those that have a route for it; the first where no rule names one. */
export function createDialectChoice(origins: Origins, hints?: Pick<SharedPathHints, 'record'>): ChooseDialect {
  return async (candidates, request) => {
    for (const [index, rule] of rules.entries()) {
      const named = await rule(request, origins);
      if (named === undefined || !candidates.includes(named)) continue;
      if (index >= stableRules) hints?.record(request.caller, named);
      return named;
    }
    return candidates[0];
  };
}

async function originOfCredential(
  { caller, pathValues: [id], signal }: SharedPathRequest,
  origins: Origins,
): Promise<DialectName> {
  if (!caller || id === undefined) return undefined;
  try {
    return await origins.originOf({ caller, workspaceId: caller.defaultWorkspaceId, signal }, id);
  } catch (error) {
    // The chosen dialect meets the same error, and renders it in its form.
    if (error instanceof VaultError) return undefined;
    throw error;
  }
}

const hintEveryMs = 3_600_000;
/** Above this number of keys, the oldest are forgotten. */
const hintedKeysMax = 1_000;

/** What hints need. */
export interface HintParts {
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn'>;
}

interface KeyAnswers {
  readonly dialects: Set<string>;
  hintedMs: number;
}

/** Records in which dialects each API key is answered on shared paths, and logs a hint for keys that get several. */
export class SharedPathHints {
  readonly #parts: HintParts;
  readonly #answersByKey = new BoundedMap<string, KeyAnswers>(hintedKeysMax);

  constructor(parts: HintParts) {
    this.#parts = parts;
  }

  /** Records an answer that neither a prefix nor the key decided; each key is hinted at most once an hour. */
  record(caller: Caller | undefined, dialect: string): void {
    if (caller?.kind !== 'api_key') return;
    const answers = this.#answersOf(caller.id);
    answers.dialects.add(dialect);
    if (answers.dialects.size < 2) return;
    const nowMs = this.#parts.clock.now().getTime();
    if (nowMs - answers.hintedMs < hintEveryMs) return;
    answers.hintedMs = nowMs;
    const dialects = [...answers.dialects].toSorted();
    const hint =
      'an API key is answered in the forms of several APIs on a path that they share: ' +
      'issue it with its dialect, or have its client use the prefix /<dialect>/';
    this.#parts.log.warn({ apiKeyId: caller.id, dialects }, hint);
  }

  #answersOf(id: string): KeyAnswers {
    const known = this.#answersByKey.get(id);
    if (known) return known;
    const answers = { dialects: new Set<string>(), hintedMs: Number.NEGATIVE_INFINITY };
    this.#answersByKey.set(id, answers);
    return answers;
  }
}
