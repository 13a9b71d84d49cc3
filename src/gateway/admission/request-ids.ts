import type { DescMessage, Message } from '@bufbuild/protobuf';
import { invalidArgument, VaultError } from '../../vault/errors.ts';
import { parseId } from '../../vault/ids.ts';
import type { RequestHeaders } from '../request/request-headers.ts';
import { fieldReader, findField } from '../routes/message-fields.ts';

/** The header, and the metadata of gRPC, that carries a request id in every protocol and dialect. */
export const requestIdHeader = 'idempotency-key';
/** The field of native requests. */
export const requestIdField = 'request_id';

/** A request id and where it was sent. */
export interface SentRequestId {
  readonly id: string;
  /** The field or the header, for errors. */
  readonly source: typeof requestIdHeader | typeof requestIdField;
}

/** Reads the request id of a message or of its headers; undefined if there is none. */
export type RequestIdReader = (message: Message, headers: RequestHeaders) => SentRequestId | undefined;

/**
 * Creates the reader for a message type.
 *
 * @returns a reader that throws VaultError `invalid_argument` for a malformed id, and for two different ones
 */
export function createRequestIdReader(input: DescMessage): RequestIdReader {
  const field = findField(input, requestIdField);
  const readField = field && fieldReader(field);
  const previewField = findField(input, 'validate_only');
  const isPreview = previewField && fieldReader(previewField);
  return (message, headers) => {
    // A request that changes nothing needs no record.
    if (isPreview?.(message) === true) return undefined;
    const ofField = readField?.(message);
    const header = headers.get(requestIdHeader);
    const isInField = typeof ofField === 'string' && ofField !== '';
    if (header === null) return isInField ? { id: fieldId(ofField), source: requestIdField } : undefined;
    const id = headerId(header);
    if (isInField && fieldId(ofField) !== id) throw invalidArgument(requestIdField, `and ${requestIdHeader} differ`);
    return { id, source: requestIdHeader };
  };
}

/** The refusal of a request under an id that the caller has used for another one. */
export function requestIdReused({ source }: SentRequestId): VaultError {
  const details = { field: source, reason: 'REQUEST_ID_REUSED' };
  return new VaultError('invalid_argument', `${source} was used for another request`, details);
}

function fieldId(text: string): string {
  const id = parseId(text);
  if (id === undefined) throw invalidArgument(requestIdField, 'must be a UUID');
  return id;
}

/** Printable ASCII. @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/ */
const headerPattern = /^[\x20-\x7e]{1,255}$/;

/** A UUID counts as the same id in upper and lower case, as in the field. */
function headerId(header: string): string {
  const text = /^".*"$/.test(header) ? header.slice(1, -1) : header;
  if (!headerPattern.test(text))
    throw invalidArgument(requestIdHeader, 'must have 1 to 255 printable ASCII characters');
  return parseId(text) ?? text;
}
