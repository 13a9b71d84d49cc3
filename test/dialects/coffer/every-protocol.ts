import { fromJson, toJson, type DescMethodUnary, type JsonValue } from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { codeFromString } from '@connectrpc/connect/protocol-connect';
import { ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { nativeClient } from './native-client.ts';

/** What a call is answered with, the same for every protocol. */
export interface ProtocolAnswer {
  /** Undefined for a success. */
  readonly code?: Code;
  readonly reason?: string;
  readonly message?: string;
  /** As JSON with the names of the proto fields. */
  readonly body?: JsonValue;
}

/** Makes a unary call. */
export type ProtocolCall = (method: DescMethodUnary, path: string, request: object) => Promise<ProtocolAnswer>;

const transports: Readonly<Record<string, (baseUrl: string) => Transport>> = {
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  'gRPC-Web': (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' }),
  'Connect with JSON': (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: false }),
  Connect: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1', useBinaryFormat: true }),
};

/** The names of the protocols: REST, gRPC, gRPC-Web, and Connect in both formats. */
export const protocols = ['REST', ...Object.keys(transports)];

/** A client of one protocol. REST posts the request to the path, the others send it to the method. */
export function protocolClient(protocol: string, origin: string, token: string): ProtocolCall {
  const transport = transports[protocol]?.(origin);
  if (!transport) return restCall(origin, token);
  return async (method, _path, request) => {
    const message = fromJson(method.input, JSON.parse(JSON.stringify(request)));
    const headers = { authorization: `Bearer ${token}` };
    try {
      const answer = await transport.unary(method, undefined, undefined, headers, message);
      return { body: toJson(method.output, answer.message, { useProtoFieldName: true }) };
    } catch (error) {
      const { code, details, rawMessage } = ConnectError.from(error);
      const [info] = ConnectError.from(error).findDetails(ErrorInfoSchema);
      return { code, message: rawMessage, ...(details.length > 0 && info && { reason: info.reason }) };
    }
  };
}

function restCall(origin: string, token: string): ProtocolCall {
  const call = nativeClient(origin, token);
  return async (_method, path, request) => {
    const { status, body } = await call({ method: 'POST', path, body: request });
    if (status === 200) return { body: JSON.parse(JSON.stringify(body)) };
    const { code, details } = Object(body);
    return { code: codeFromString(code) ?? Code.Unknown, message: body.message, reason: details[0]?.debug?.reason };
  };
}
