import { create, fromBinary, toBinary, type DescFile, type DescMessage, type DescService } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { ViolationsSchema } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { StatusSchema } from '../../../gen/google/rpc/status_pb.ts';
import * as v1 from '../../../gen/grpc/reflection/v1/reflection_pb.ts';
import * as v1alpha from '../../../gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { itemsUntilAborted } from '../request/call-registry.ts';
import { limitStreamTime } from './public-stream.ts';

/** What reflection can answer. */
interface Index {
  readonly services: readonly string[];
  readonly bytesByFile: ReadonlyMap<DescFile, Uint8Array>;
  readonly filesByName: ReadonlyMap<string, DescFile>;
  readonly filesBySymbol: ReadonlyMap<string, DescFile>;
  /** The files of extensions, by message and number. */
  readonly extensions: ReadonlyMap<string, ReadonlyMap<number, DescFile>>;
}

/** The paths of the reflection rpcs, whose streams a client may keep open between two requests. */
export const reflectionPaths: ReadonlySet<string> = new Set(
  [v1.ServerReflection, v1alpha.ServerReflection].map(
    ({ typeName, method }) => `/${typeName}/${method.serverReflectionInfo.name}`,
  ),
);

type Answer = v1.ServerReflectionResponse['messageResponse'];

/** The types in error details: no service refers to them, but clients need them to read `grpc-status-details-bin`. */
const errorDetailFiles: readonly DescFile[] = [StatusSchema, ErrorInfoSchema, ViolationsSchema].map(({ file }) => file);

/** The limits of reflection streams. */
export interface ReflectionLimits {
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
  /** The longest duration of a stream, which then ends with UNAVAILABLE. */
  readonly streamMs: number;
}

/** Limits of one stream: a client that reads everything sends about 50 requests, for less than 1 MiB. */
const requestsMax = 1_000;
const answerBytesMax = 4 * 1_048_576;

/**
 * Serves `grpc.reflection.v1` and `v1alpha` for the given services, for reflection itself, and for the types of error details.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 */
export function registerReflection(
  router: ConnectRouter,
  services: readonly DescService[],
  limits: ReflectionLimits,
): void {
  const index = indexOf([...services, v1.ServerReflection, v1alpha.ServerReflection], errorDetailFiles);
  router.service(v1.ServerReflection, {
    async *serverReflectionInfo(requests, { signal }) {
      const stream = new ReflectionStream(index);
      for await (const request of limitRequests(requests, signal, limits)) yield stream.respond(request);
    },
  });
  // The two versions differ only in the package name, so that their messages have the same bytes.
  router.service(v1alpha.ServerReflection, {
    async *serverReflectionInfo(requests, { signal }) {
      const stream = new ReflectionStream(index);
      for await (const request of limitRequests(requests, signal, limits)) {
        const asked = fromBinary(
          v1.ServerReflectionRequestSchema,
          toBinary(v1alpha.ServerReflectionRequestSchema, request),
        );
        const bytes = toBinary(v1.ServerReflectionResponseSchema, stream.respond(asked));
        yield fromBinary(v1alpha.ServerReflectionResponseSchema, bytes);
      }
    },
  });
}

async function* limitRequests<Request>(
  requests: AsyncIterable<Request>,
  signal: AbortSignal,
  { stopping, streamMs }: ReflectionLimits,
): AsyncGenerator<Request> {
  using time = limitStreamTime(streamMs);
  const ended = AbortSignal.any([signal, stopping, time.signal]);
  try {
    yield* itemsUntilAborted(ended, requests);
  } catch (error) {
    throw ended.aborted ? ended.reason : error;
  }
}

/** The answers of one stream, which are limited in total. Imports that were sent before are not sent again. */
class ReflectionStream {
  readonly #index: Index;
  readonly #sent = new Set<DescFile>();
  #requests = 0;
  #bytes = 0;

  constructor(index: Index) {
    this.#index = index;
  }

  /** @throws ConnectError `resource_exhausted` above the limits of requests and bytes */
  respond(originalRequest: v1.ServerReflectionRequest): v1.ServerReflectionResponse {
    this.#requests += 1;
    if (this.#requests > requestsMax) throw exhausted();
    const messageResponse = answer(this.#index, originalRequest, this.#sent);
    this.#bytes += bytesOf(messageResponse);
    if (this.#bytes > answerBytesMax) throw exhausted();
    const validHost = originalRequest.host;
    return create(v1.ServerReflectionResponseSchema, { validHost, originalRequest, messageResponse });
  }
}

function exhausted(): ConnectError {
  return new ConnectError(
    'the stream has reached its limit of requests or bytes, open another',
    Code.ResourceExhausted,
  );
}

function bytesOf({ case: kind, value }: Answer): number {
  if (kind !== 'fileDescriptorResponse') return 0;
  return value.fileDescriptorProto.reduce((bytes, file) => bytes + file.length, 0);
}

function answer(index: Index, { messageRequest: request }: v1.ServerReflectionRequest, sent: Set<DescFile>): Answer {
  switch (request.case) {
    case 'fileByFilename':
      return files(index, index.filesByName.get(request.value), sent);
    case 'fileContainingSymbol':
      return files(index, index.filesBySymbol.get(request.value.replace(/^\./, '')), sent);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = request.value;
      return files(index, index.extensions.get(containingType)?.get(extensionNumber), sent);
    }
    case 'allExtensionNumbersOfType': {
      const extensionNumber = [...(index.extensions.get(request.value)?.keys() ?? [])];
      if (extensionNumber.length === 0 && !index.filesBySymbol.has(request.value)) return notFound();
      const value = create(v1.ExtensionNumberResponseSchema, { baseTypeName: request.value, extensionNumber });
      return { case: 'allExtensionNumbersResponse', value };
    }
    case 'listServices': {
      const service = index.services.map((name) => ({ name }));
      return { case: 'listServicesResponse', value: create(v1.ListServiceResponseSchema, { service }) };
    }
    case undefined:
    default:
      return refusal(Code.InvalidArgument, 'the request is empty');
  }
}

/** A file with those of its imports that were not sent yet, so that a client needs one request. */
function files({ bytesByFile }: Index, file: DescFile | undefined, sent: Set<DescFile>): Answer {
  if (!file) return notFound();
  const toSend = [...withImports(file)].filter((one) => one === file || !sent.has(one));
  for (const one of toSend) sent.add(one);
  const fileDescriptorProto = toSend.map((one) => bytesByFile.get(one) ?? new Uint8Array());
  const value = create(v1.FileDescriptorResponseSchema, { fileDescriptorProto });
  return { case: 'fileDescriptorResponse', value };
}

function notFound(): Answer {
  return refusal(Code.NotFound, 'not found');
}

function refusal(errorCode: Code, errorMessage: string): Answer {
  return { case: 'errorResponse', value: create(v1.ErrorResponseSchema, { errorCode, errorMessage }) };
}

function indexOf(services: readonly DescService[], further: readonly DescFile[]): Index {
  const all = new Set<DescFile>();
  for (const file of [...services.map((service) => service.file), ...further]) withImports(file, all);
  const filesBySymbol = new Map([...all].flatMap((file) => symbolsOf(file).map((name) => [name, file])));
  return {
    services: services.map(({ typeName }) => typeName).toSorted(),
    bytesByFile: new Map([...all].map((file) => [file, toBinary(FileDescriptorProtoSchema, file.proto)])),
    filesByName: new Map([...all].map((file) => [file.proto.name, file])),
    filesBySymbol,
    extensions: extensionsOf([...all]),
  };
}

function withImports(file: DescFile, seen = new Set<DescFile>()): Set<DescFile> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const dependency of file.dependencies) withImports(dependency, seen);
  return seen;
}

function symbolsOf(file: DescFile): string[] {
  return [
    ...file.services.flatMap(({ typeName, methods }) => [
      typeName,
      ...methods.map(({ name }) => `${typeName}.${name}`),
    ]),
    ...file.messages.flatMap(symbolsOfMessage),
    ...file.enums.map(({ typeName }) => typeName),
    ...file.extensions.map(({ typeName }) => typeName),
  ];
}

function symbolsOfMessage(message: DescMessage): string[] {
  return [
    message.typeName,
    ...message.fields.map(({ name }) => `${message.typeName}.${name}`),
    ...message.nestedMessages.flatMap(symbolsOfMessage),
    ...message.nestedEnums.map(({ typeName }) => typeName),
    ...message.nestedExtensions.map(({ typeName }) => typeName),
  ];
}

function extensionsOf(all: readonly DescFile[]): Map<string, Map<number, DescFile>> {
  const found = new Map<string, Map<number, DescFile>>();
  for (const file of all) {
    for (const { extendee, number } of file.extensions) {
      const numbers = found.get(extendee.typeName) ?? new Map<number, DescFile>();
      found.set(extendee.typeName, numbers.set(number, file));
    }
  }
  return found;
}
