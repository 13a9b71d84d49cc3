import type { RestExchange } from '../../gateway/contract/dialect.ts';
import type { JsonObject } from '../../vault/json.ts';

/** What the rpcs that change something say of it; those that show something say nothing. */
const messages: ReadonlyMap<string, string> = new Map([
  ['CreateApiKeyCredential', 'API key credential created successfully.'],
  ['CreateSlackCredential', 'Slack credential created successfully.'],
  ['UpdateCredential', 'Credential updated successfully.'],
  ['ActivateCredential', 'Credential activated successfully.'],
  ['DeactivateCredential', 'Credential deactivated successfully.'],
  ['DeleteCredential', 'Credential deleted successfully.'],
]);

/** Wraps the JSON of what an rpc answers, which becomes the last member. */
export function wrapSuccess(data: string, exchange: RestExchange): string {
  const message = messages.get(exchange.method?.name ?? '') ?? null;
  const before = JSON.stringify({ status: 'success', code: 200, message, ...trace(exchange) });
  return `${before.slice(0, -'}'.length)},"data":${data}}`;
}

/** What went wrong, as the envelope of an error says it. */
export interface Failure {
  /** The HTTP status. */
  readonly code: number;
  readonly errorCode: string;
  readonly errorMessage: string;
}

/** Wraps a failure. */
export function wrapFailure({ code, errorCode, errorMessage }: Failure, exchange: RestExchange): JsonObject {
  const said = { error_message: errorMessage, error_code: errorCode };
  return { status: 'error', code, message: null, ...trace(exchange), ...said };
}

function trace({ requestId, now }: RestExchange): JsonObject {
  return { traceId: requestId, timestamp: now.toISOString().replace('.000Z', 'Z') };
}
