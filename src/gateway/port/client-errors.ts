import { STATUS_CODES } from 'node:http';

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** What the parser of HTTP/1.1 may find wrong, by the codes of its errors. */
const refusals: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: 'resource_exhausted', message: 'the headers are too large' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: 413,
    code: 'resource_exhausted',
    message: 'the extensions of a chunk are too large',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: 'deadline_exceeded',
    message: 'the request has not come whole in the time that it may take',
  },
};
const unreadable: Refusal = {
  status: 400,
  code: 'invalid_argument',
  message: 'the request is not readable as HTTP/1.1',
};
/** Also the answer to CONNECT. */
export const unknownMethod: Refusal = {
  status: 501,
  code: 'unimplemented',
  message: 'this method is not known',
};

/** A token, a target and a version, as the parser knows them for its own methods alone. */
const requestLine = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} \S+ HTTP\/1\.[01]\r?\n/;

/** An error of the parser, with what it was reading. */
export interface ClientError extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

/** The answer to what is no request; like every answer, it repeats nothing of it. */
export function refusalOfClientError({ code = '', rawPacket }: ClientError): Refusal {
  const isUnknownMethod = code === 'HPE_INVALID_METHOD' && requestLine.test(rawPacket?.toString('latin1') ?? '');
  return isUnknownMethod ? unknownMethod : (refusals[code] ?? unreadable);
}

/** Writes such an answer as it goes over a connection, which ends with it. */
export function formatRefusal({ status, code, message }: Refusal): string {
  const body = JSON.stringify({ code, message });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `date: ${new Date().toUTCString()}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'x-content-type-options: nosniff',
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
