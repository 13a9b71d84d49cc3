import { variableOf } from './field-variables.ts';
import { errorOf, revealBatches } from './reveal-batches.ts';
import { refuseFailures } from './reveal-failures.ts';
import { textOfField, type RevealedField } from './reveal-references.ts';
import { refusalCodes, StartRefusal } from './start-refusal.ts';
import { isRecord, recordsOf, textOf, type JsonRecord, type VaultCalls } from './vault-calls.ts';

interface ListedCredential {
  readonly id: string;
  readonly name: string;
}

interface NamedSecret extends ListedCredential {
  readonly secret: JsonRecord;
}

const pageSize = 1_000;

/**
 * Reveals all fields of the credentials that a filter selects in the workspace of the settings.
 *
 * @returns the fields by the variables that they become
 * @throws StartRefusal where nothing is selected, one cannot be revealed, or two fields would be the same variable
 * @throws CofferError where a call fails
 */
export async function revealAllOf(
  vault: VaultCalls,
  filter: string,
  purpose: string,
): Promise<ReadonlyMap<string, RevealedField>> {
  const credentials = await listAll(vault, filter);
  if (credentials.length === 0) throw new StartRefusal(refusalCodes.absent, '--all-of selects no credential');
  const items = credentials.map(({ id }) => ({ credential_id: id }));
  const results = await revealBatches(vault, vault.workspace, items, purpose);
  refuseFailures(credentials.map(({ name }, index) => ({ subject: name, error: errorOf(results[index] ?? {}) })));
  return variablesOf(credentials.map(({ id, name }, index) => ({ id, name, secret: secretOf(results[index]) })));
}

async function listAll(vault: VaultCalls, filter: string): Promise<readonly ListedCredential[]> {
  const found: ListedCredential[] = [];
  const request = { workspace_id: vault.workspace, filter, order_by: 'name', page_size: pageSize };
  let pageToken = '';
  do {
    const page = await vault.call('CredentialService/ListCredentials', { ...request, page_token: pageToken });
    found.push(...recordsOf(page['credentials']).map(({ id, name }) => ({ id: textOf(id), name: textOf(name) })));
    pageToken = textOf(page['next_page_token']);
  } while (pageToken !== '');
  return found;
}

function secretOf(result: JsonRecord | undefined): JsonRecord {
  const secret = result?.['secret'];
  if (!isRecord(secret)) throw new Error('the server left out a secret');
  return secret;
}

function variablesOf(credentials: readonly NamedSecret[]): ReadonlyMap<string, RevealedField> {
  const withCredential = credentials.length > 1;
  const variables = new Map<string, RevealedField>();
  for (const { id, name, secret } of credentials) {
    for (const [field, value] of Object.entries(secret)) {
      const variable = variableOf({ credential: name, field }, { withCredential });
      if (variables.has(variable)) throw clashOf(variable);
      variables.set(variable, { credentialId: id, value: textOfField(value) });
    }
  }
  return variables;
}

function clashOf(variable: string): StartRefusal {
  return new StartRefusal(refusalCodes.error, `--all-of selects several fields that are the variable ${variable}`);
}
