import type { Problem, RestAnswer, RestExchange } from '../../gateway/contract/dialect.ts';
import type { FaultList } from '../../gateway/messages/fault-list.ts';
import type { VaultError, VaultErrorCode } from '../../vault/errors.ts';
import type { JsonValue } from '../../vault/json.ts';
import { describeFaults, isUnset, type ProblemTable, renderBy } from '../shared/errors.ts';
import { describeTextFlaw } from '../../vault/json-scan.ts';

const statuses: Record<VaultErrorCode, number> = {
  token_missing: 401,
  token_invalid: 401,
  token_expired: 401,
  password_wrong: 401,
  login_throttled: 429,
  permission_denied: 403,
  workspace_denied: 403,
  not_found: 404,
  name_taken: 409,
  id_taken: 409,
  already_set_up: 409,
  invalid_argument: 400,
  etag_stale: 409,
  credential_inactive: 412,
  credential_expired: 412,
  secret_unreadable: 500,
  resource_exhausted: 429,
  unavailable: 503,
  deadline_exceeded: 504,
  canceled: 499,
};

/** What Flowise's middleware answers before any controller is reached. */
const fixedBodies: Readonly<Record<number, JsonValue>> = {
  401: { error: 'Unauthorized Access' },
  403: { message: 'Forbidden' },
};

/** Which of Flowise's functions an rpc is, as its messages say it. */
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

/** Members that Flowise calls otherwise than the proto does. */
const memberNames: Readonly<Record<string, string>> = { credentialId: 'id' };

interface Failure {
  readonly status: number;
  readonly sentence: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** No body is decoded. */
const encoded: Failure = {
  status: 415,
  sentence: 'the body must not be encoded',
  headers: { 'accept-encoding': 'identity' },
};

const failures: ProblemTable<Failure> = {
  vault: ({ error }) => vaultFailure(error),
  invalid_request: faultFailure,
  malformed_json: ({ offset }) => ({ status: 400, sentence: `the body is not JSON from character ${offset} on` }),
  unstorable_json: ({ flaw }) => ({ status: 400, sentence: describeTextFlaw(flaw) }),
  // Flowise's parser makes an empty object of such a body, in which the first member is missing. Only a create needs one.
  body_missing: () => notProvided('name'),
  body_not_object: ({ contentEncoding }) => (contentEncoding === undefined ? notProvided('name') : encoded),
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
 * Renders a failure as Flowise does: `{"statusCode":412,"success":false,"message":"Error: …","stack":{}}`, with a body of
 * its own for 401 and 403.
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
  // The mapping's own refusals name the member as Flowise spells it.
  if (details.field === 'credentialData') return { status: 412, sentence: message };
  if (details.bytesMax !== undefined) return { status: 413, sentence: message };
  const { retryAfterMs } = details;
  const headers = retryAfterMs !== undefined && { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) };
  return { status: statuses[code], sentence: message, ...(headers && { headers }) };
}

/** What is missing goes before what is wrong: clients know the documented 412. */
function faultFailure(list: FaultList): Failure {
  const leftOut = list.faults.find(isUnset);
  if (leftOut) {
    const member = leftOut.path.join('.');
    return notProvided(memberNames[member] ?? member);
  }
  return { status: 400, sentence: describeFaults(list) };
}

function notProvided(member: string): Failure {
  return { status: 412, sentence: `${member} not provided!` };
}
