import type { Problem, RestAnswer, RestExchange } from '../../gateway/contract/dialect.ts';
import type { FaultList } from '../../gateway/messages/fault-list.ts';
import type { VaultError } from '../../vault/errors.ts';
import { describeTextFlaw } from '../../vault/json-scan.ts';
import type { JsonValue } from '../../vault/json.ts';
import {
  describeFaults,
  httpStatuses,
  isUnset,
  renderBy,
  retryAfterHeader,
  type ProblemTable,
} from '../shared/errors.ts';

const statuses: typeof httpStatuses = { ...httpStatuses, credential_inactive: 412, credential_expired: 412 };

/** What Flowise's middleware answers before any controller is reached. */
const fixedBodies: Readonly<Record<number, JsonValue>> = {
  401: { error: 'Unauthorized Access' },
  403: { message: 'Forbidden' },
};

/** The function of Flowise that its messages name, by rpc. */
const controllers: Readonly<Record<string, string>> = {
  CreateCredential: 'credentialsController.createCredential',
  ListCredentials: 'credentialsController.getAllCredentials',
  GetCredential: 'credentialsController.getCredentialById',
  RevealCredential: 'credentialsController.revealCredentialById',
  UpdateCredential: 'credentialsController.updateCredential',
  DeleteCredential: 'credentialsController.deleteCredentials',
  ListComponentCredentials: 'componentsCredentialsController.getAllComponentsCredentials',
  GetComponentCredential: 'componentsCredentialsController.getComponentByName',
};

/** Flowise's name of a proto field, where the two differ. */
const memberNames: Readonly<Record<string, string>> = { credentialId: 'id' };

interface Failure {
  readonly status: number;
  readonly sentence: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const unsupportedEncoding: Failure = {
  status: 415,
  sentence: 'the body must not be encoded',
  headers: { 'accept-encoding': 'identity' },
};

const failures: ProblemTable<Failure> = {
  vault: ({ error }) => vaultFailure(error),
  invalid_request: faultFailure,
  malformed_json: ({ offset }) => ({ status: 400, sentence: `the body is not JSON from character ${offset} on` }),
  unstorable_json: ({ flaw }) => ({ status: 400, sentence: describeTextFlaw(flaw) }),
  // Flowise parses such a body as an empty object, in which the first member is missing. Only a create requires a body.
  body_missing: () => notProvided('name'),
  body_not_object: ({ contentEncoding }) => (contentEncoding === undefined ? notProvided('name') : unsupportedEncoding),
  body_too_large: ({ bytesMax }) => ({ status: 413, sentence: `the body must be at most ${bytesMax} bytes` }),
  route_not_found: () => ({ status: 404, sentence: 'Not Found' }),
  method_not_allowed: ({ allow }) => ({
    status: 405,
    sentence: 'Method Not Allowed',
    headers: { allow: allow.join(', ') },
  }),
  internal: () => ({ status: 500, sentence: 'internal error' }),
};

/**
 * Renders a problem as Flowise does: `{"statusCode":412,"success":false,"message":"Error: …","stack":{}}`, or with a fixed body
 * for 401 and 403.
 *
 * @see seed 000
 */
export function renderProblem(problem: Problem, { method }: RestExchange): RestAnswer {
  const { status, sentence, headers } = renderBy(failures, problem);
  const controller = method && controllers[method.name];
  const message = controller === undefined ? sentence : `Error: ${controller} - ${sentence}`;
  const failure = { statusCode: status, success: false, message, stack: {} };
  return { status, body: fixedBodies[status] ?? failure, ...(headers && { headers }) };
}

function vaultFailure({ code, message, details }: VaultError): Failure {
  if (code === 'not_found' && details.id !== undefined) {
    return { status: 404, sentence: `Credential ${details.id} not found` };
  }
  // mapping.ts names this member in its errors.
  if (details.field === 'credentialData') return { status: 412, sentence: message };
  if (details.bytesMax !== undefined) return { status: 413, sentence: message };
  const headers = details.retryAfterMs !== undefined && retryAfterHeader(details);
  return { status: statuses[code], sentence: message, ...(headers && { headers }) };
}

/** A missing member takes precedence over an invalid one, since clients rely on the documented 412. */
function faultFailure(list: FaultList): Failure {
  const unset = list.faults.find(isUnset);
  if (unset) {
    const member = unset.path.join('.');
    return notProvided(memberNames[member] ?? member);
  }
  return { status: 400, sentence: describeFaults(list) };
}

function notProvided(member: string): Failure {
  return { status: 412, sentence: `${member} not provided!` };
}
