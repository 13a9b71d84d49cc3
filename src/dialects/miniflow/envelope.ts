import type { RestExchange } from '../../gateway/contract/dialect.ts';
import type { JsonObject } from '../../vault/json.ts';

/** The messages of the rpcs that change something; the answers of others have none. */
const messages: ReadonlyMap<string, string> = new Map([
  ['CreateApiKeyCredential', 'API key credential created successfully.'],
  ['CreateSlackCredential', 'Slack credential created successfully.'],
  ['UpdateCredential', 'Credential updated successfully.'],
  ['ActivateCredential', 'Credential activated successfully.'],
  ['DeactivateCredential', 'Credential deactivated successfully.'],
  ['DeleteCredential', 'Credential deleted successfully.'],
]);

/** Wraps the JSON of an answer, which becomes the last member. */
export function wrapSuccess(data: string, exchange: RestExchange): string {
  const message = messages.get(exchange.method?.name ?? '') ?? null;
  const before = JSON.stringify({ status: 'success', code: 200, message, ...trace(exchange) });
  return `${before.slice(0, -'}'.length)},"data":${data}}`;
}

/** An error in MiniFlow's envelope. */
export interface Failure {
  /** The HTTP status. */
  readonly code: number;
  readonly errorCode: string;
  readonly errorMessage: string;
}

/** Wraps an error. */
export function wrapFailure({ code, errorCode, errorMessage }: Failure, exchange: RestExchange): JsonObject {
  const error = { error_message: errorMessage, error_code: errorCode };
  return { status: 'error', code, message: null, ...trace(exchange), ...error };
}

function trace({ requestId, now }: RestExchange): JsonObject {
  return { traceId: requestId, timestamp: now.toISOString().replace('.000Z', 'Z') };
}
