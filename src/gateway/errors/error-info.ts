import { create, toBinary } from '@bufbuild/protobuf';
import { ErrorInfoSchema, type ErrorInfo } from '../../../gen/google/rpc/error_details_pb.ts';

/** A detail of an error in Connect's JSON. */
export interface ErrorDetailJson {
  readonly type: string;
  /** The message in base64 without padding. */
  readonly value: string;
  readonly debug: {
    readonly reason: string;
    readonly domain: string;
    readonly metadata: Readonly<Record<string, string>>;
  };
}

/**
 * Says for programs why a call was refused.
 *
 * @param reason in upper-case words
 * @param metadata ids and names of fields, never a value
 * @see https://google.aip.dev/193
 */
export function errorInfo(reason: string, metadata: Readonly<Record<string, string>>): ErrorInfo {
  return create(ErrorInfoSchema, { reason, domain: 'coffer', metadata: { ...metadata } });
}

/** Spells such a detail for Connect's JSON. @see https://connectrpc.com/docs/protocol#error-end-stream */
export function errorInfoToJson(info: ErrorInfo): ErrorDetailJson {
  const { reason, domain, metadata } = info;
  const value = Buffer.from(toBinary(ErrorInfoSchema, info)).toString('base64').replaceAll('=', '');
  return { type: ErrorInfoSchema.typeName, value, debug: { reason, domain, metadata } };
}
