import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { expect } from 'chai';
import * as v1 from '../../../gen/grpc/reflection/v1/reflection_pb.ts';
import * as v1alpha from '../../../gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { startGateway, type RunningGateway } from '../library.ts';

type Question = NonNullable<MessageInitShape<typeof v1.ServerReflectionRequestSchema>['messageRequest']>;
type Answer = v1.ServerReflectionResponse['messageResponse'];

describe('reflection', () => {
  let running: RunningGateway;
  before(async () => (running = await startGateway()));
  after(() => running[Symbol.asyncDispose]());

  const versions: Record<string, (questions: Question[]) => Promise<Answer[]>> = {
    v1: async (questions) => {
      const client = createClient(v1.ServerReflection, createGrpcTransport({ baseUrl: running.origin }));
      const answers = [];
      for await (const { messageResponse } of client.serverReflectionInfo(asked(questions)))
        answers.push(messageResponse);
      return answers;
    },
    v1alpha: async (questions) => {
      const client = createClient(v1alpha.ServerReflection, createGrpcTransport({ baseUrl: running.origin }));
      const answers = [];
      for await (const response of client.serverReflectionInfo(askedInAlpha(questions))) {
        const bytes = toBinary(v1alpha.ServerReflectionResponseSchema, response);
        answers.push(fromBinary(v1.ServerReflectionResponseSchema, bytes).messageResponse);
      }
      return answers;
    },
  };

  for (const [version, ask] of Object.entries(versions)) {
    it(`lists the services (${version})`, async () => {
      const [answer] = await ask([{ case: 'listServices', value: '' }]);
      const names = answer?.case === 'listServicesResponse' ? answer.value.service.map(({ name }) => name) : [];
      expect(names).to.have.members([
        'example.v1.LibraryService',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
        'grpc.health.v1.Health',
      ]);
    });

    const symbols = [
      'example.v1.LibraryService',
      'example.v1.LibraryService.GetBook',
      'example.v1.Book',
      'example.v1.Book.title',
      'example.v1.Book.Genre',
      '.example.v1.Book',
    ];
    for (const value of symbols) {
      it(`finds the file of ${value}, with its imports (${version})`, async () => {
        const [answer] = await ask([{ case: 'fileContainingSymbol', value }]);
        const files = answer?.case === 'fileDescriptorResponse' ? answer.value.fileDescriptorProto : [];
        const read = files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
        expect(read[0]?.package).to.equal('example.v1');
        const names = read.map(({ name }) => name);
        expect(names).to.include.members(['google/api/annotations.proto', 'google/protobuf/descriptor.proto']);
        expect(new Set(names).size).to.equal(names.length);
        expect(read.flatMap(({ dependency }) => dependency).every((name) => names.includes(name))).to.equal(true);
      });
    }

    for (const value of [
      'google.rpc.Status',
      'google.rpc.ErrorInfo',
      'google.rpc.RetryInfo',
      'buf.validate.Violations',
      'grpc.health.v1.HealthCheckResponse',
    ]) {
      it(`finds ${value}, which answers carry (${version})`, async () => {
        const [answer] = await ask([{ case: 'fileContainingSymbol', value }]);
        const files = answer?.case === 'fileDescriptorResponse' ? answer.value.fileDescriptorProto : [];
        const read = files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
        const [file] = read;
        expect(file?.messageType.map(({ name }) => `${file.package}.${name}`)).to.include(value);
        const names = new Set(read.map(({ name }) => name));
        expect(read.flatMap(({ dependency }) => dependency).every((name) => names.has(name))).to.equal(true);
      });
    }

    it(`finds a file by its name, and an extension by its number (${version})`, async () => {
      const containing = { containingType: 'google.protobuf.MethodOptions', extensionNumber: 72_295_728 };
      const answers = await ask([
        { case: 'fileByFilename', value: 'google/api/http.proto' },
        { case: 'fileContainingExtension', value: create(v1.ExtensionRequestSchema, containing) },
        { case: 'allExtensionNumbersOfType', value: 'google.protobuf.MethodOptions' },
      ]);
      expect(answers.map((answer) => answer?.case)).to.deep.equal([
        'fileDescriptorResponse',
        'fileDescriptorResponse',
        'allExtensionNumbersResponse',
      ]);
      const [, , numbers] = answers;
      expect(numbers?.case === 'allExtensionNumbersResponse' && numbers.value.extensionNumber).to.include(72_295_728);
    });

    it(`sends what a file imports once a stream (${version})`, async () => {
      const question: Question = { case: 'fileContainingSymbol', value: 'example.v1.LibraryService' };
      const [first = [], second = []] = (await ask([question, question])).map((answer) =>
        answer?.case === 'fileDescriptorResponse' ? answer.value.fileDescriptorProto : [],
      );
      expect(first.length).to.be.greaterThan(1);
      expect(second).to.deep.equal(first.slice(0, 1));
    });

    for (const [title, question] of Object.entries<Question>({
      files: { case: 'fileContainingSymbol', value: 'google.protobuf.FileDescriptorProto' },
      'what is not there': { case: 'fileByFilename', value: 'nope.proto' },
    })) {
      it(`answers no more than a client needs, where one asks for ${title} again and again (${version})`, async () => {
        const error = await ask(Array.from({ length: 2_000 }, () => question)).catch((reason: unknown) => reason);
        expect(ConnectError.from(error).code).to.equal(Code.ResourceExhausted);
      });
    }

    it(`reports what it does not know, and continues (${version})`, async () => {
      const containing = { containingType: 'example.v1.Book', extensionNumber: 7 };
      const answers = await ask([
        { case: 'fileByFilename', value: 'nope.proto' },
        { case: 'fileContainingSymbol', value: 'nope.v1.Nope' },
        { case: 'fileContainingExtension', value: create(v1.ExtensionRequestSchema, containing) },
        { case: 'allExtensionNumbersOfType', value: 'nope.v1.Nope' },
        { case: undefined },
        { case: 'listServices', value: '' },
      ]);
      const codes = answers.map((answer) => (answer?.case === 'errorResponse' ? answer.value.errorCode : answer?.case));
      expect(codes).to.deep.equal([
        Code.NotFound,
        Code.NotFound,
        Code.NotFound,
        Code.NotFound,
        Code.InvalidArgument,
        'listServicesResponse',
      ]);
    });
  }
});

async function* asked(questions: Question[]): AsyncGenerator<v1.ServerReflectionRequest> {
  for (const messageRequest of questions) yield create(v1.ServerReflectionRequestSchema, { messageRequest });
}

/** The two versions are the same in bytes. */
async function* askedInAlpha(questions: Question[]): AsyncGenerator<v1alpha.ServerReflectionRequest> {
  for await (const question of asked(questions)) {
    const bytes = toBinary(v1.ServerReflectionRequestSchema, question);
    yield fromBinary(v1alpha.ServerReflectionRequestSchema, bytes);
  }
}
