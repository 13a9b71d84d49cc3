import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { RestAnswer } from '../contract/dialect.ts';
import { plainAnswer, serializeAnswer } from '../errors/rest-problems.ts';
import { describeUnknownError } from '../errors/unknown-error.ts';
import { hasSeveralHosts, hostOf } from '../request/request-headers.ts';
import { sendAnswer } from './send-answer.ts';

/** What the hooks around every request need. */
export interface RequestAnswering {
  readonly log: Logger;
  /** Called first for each request. */
  readonly begin: (request: FastifyRequest, reply: FastifyReply) => void;
  /** Answers by the routes of the dialects, or that there is none. */
  readonly answer: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
  /** The methods of a path; undefined if there is no such path. */
  readonly methodsOf: (path: string) => readonly string[] | undefined;
  /** Whether an OPTIONS request is a preflight of CORS. */
  readonly isPreflight: (request: FastifyRequest['raw']) => boolean;
}

const restMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Adds what applies to every request, whatever answers it: its exchange, malformed requests, OPTIONS, and unexpected errors. */
export function addRequestHooks(fastify: FastifyInstance, parts: RequestAnswering): void {
  const { answer, begin, isPreflight, log, methodsOf } = parts;
  fastify.addHook('onRequest', (request, reply, done) => {
    begin(request, reply);
    const refusal = refusalOfMalformed(request.raw);
    if (refusal) return sendAnswer(request, reply, serializeAnswer(refusal));
    if (request.method !== 'OPTIONS' || isPreflight(request.raw)) return done();
    const methods = methodsOf(pathOf(request));
    if (!methods) return void answer(request, reply).catch((error: unknown) => reply.send(error));
    return void reply
      .code(204)
      .header('allow', [...methods, 'OPTIONS'].join(', '))
      .send();
  });
  fastify.setErrorHandler(async (error, request, reply) => {
    if (isUnknownMethod(error)) {
      // No hook has run for such a request.
      begin(request, reply);
      return answer(request, reply);
    }
    const refusal = refusalOfFramework(error);
    if (refusal) return sendAnswer(request, reply, serializeAnswer(refusal));
    log.error({ requestId: request.id, error: describeUnknownError(error) }, 'internal error');
    sendAnswer(request, reply, serializeAnswer(plainAnswer(500, 'internal', 'internal error')));
  });
}

/** Registers the routes of the dialects, which answer what no other scope does. */
export function registerRest(scope: FastifyInstance, answer: RequestAnswering['answer']): void {
  // Before the framework looks at the content type: the body is read after admission, and by the rules of the dialect.
  scope.addHook('onRequest', answer);
  scope.setNotFoundHandler(answer);
  scope.route({ method: restMethods, url: '/*', handler: answer });
}

/** Without the query. */
function pathOf({ raw }: FastifyRequest): string {
  return raw.url?.split('?', 1)[0] ?? '/';
}

/** Whether the web framework does not know the method of a request. */
function isUnknownMethod(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'FST_ERR_NOT_FOUND';
}

/** The answer to a mistake of the client that the web framework has found. The framework's message is dropped: it quotes values. */
function refusalOfFramework(error: unknown): RestAnswer | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number') return undefined;
  const { statusCode } = error;
  if (statusCode < 400 || statusCode > 499) return undefined;
  return plainAnswer(statusCode, 'invalid_argument', 'the request cannot be read');
}

interface Rule {
  readonly isBroken: (request: IncomingMessage) => boolean;
  readonly refusal: RestAnswer;
}

/** Rules of HTTP for every request. */
const rules: readonly Rule[] = [
  { isBroken: hasNoHost, refusal: plainAnswer(400, 'invalid_argument', 'the request names no host') },
  { isBroken: hasSeveralHosts, refusal: plainAnswer(400, 'invalid_argument', 'the request names more than one host') },
  { isBroken: hasOddTarget, refusal: plainAnswer(400, 'invalid_argument', 'the target of the request is not a path') },
  {
    isBroken: expectsMore,
    refusal: plainAnswer(417, 'failed_precondition', 'the only expectation that can be met is 100-continue'),
  },
];

function refusalOfMalformed(request: IncomingMessage): RestAnswer | undefined {
  return rules.find(({ isBroken }) => isBroken(request))?.refusal;
}

/** @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2 */
function hasNoHost(request: IncomingMessage): boolean {
  return request.httpVersion === '1.1' && hostOf(request) === undefined;
}

/** @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2.4 (asterisk-form) */
function hasOddTarget({ method, url = '/' }: IncomingMessage): boolean {
  return !url.startsWith('/') && !(url === '*' && method === 'OPTIONS');
}

/** HTTP/1.0 has no expectations. @see https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1 */
function expectsMore({ headers: { expect }, httpVersion }: IncomingMessage): boolean {
  return expect !== undefined && httpVersion !== '1.0' && expect.trim().toLowerCase() !== '100-continue';
}
