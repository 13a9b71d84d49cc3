import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { refusalOfMalformed } from '../request/malformed-request.ts';
import { describeUnknownError } from '../errors/unknown-error.ts';
import { answerOfFramework, isUnknownMethod } from './framework-errors.ts';
import { plainAnswer, spellAnswer } from '../errors/rest-problems.ts';
import { sendAnswer } from './send-answer.ts';

/** What the hooks around every request work with. */
export interface RequestAnswering {
  readonly log: Logger;
  /** Called first for each request. */
  readonly begin: (request: FastifyRequest, reply: FastifyReply) => void;
  /** Answers by the routes of the dialects, or that there is none. */
  readonly answer: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
  /** The methods of a path; undefined where there is no such path. */
  readonly methodsOf: (path: string) => readonly string[] | undefined;
  /** Whether a request of OPTIONS asks for the rules of other origins. */
  readonly isPreflight: (request: FastifyRequest['raw']) => boolean;
}

const restMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Adds what every request passes, whatever answers it: its beginning, malformed ones, OPTIONS, and failures. */
export function addRequestHooks(fastify: FastifyInstance, parts: RequestAnswering): void {
  const { answer, begin, isPreflight, log, methodsOf } = parts;
  fastify.addHook('onRequest', (request, reply, done) => {
    begin(request, reply);
    const refusal = refusalOfMalformed(request.raw);
    if (refusal) return sendAnswer(request, reply, spellAnswer(refusal));
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
      // Such a request passes no hook, either.
      begin(request, reply);
      return answer(request, reply);
    }
    const refusal = answerOfFramework(error);
    if (refusal) return sendAnswer(request, reply, spellAnswer(refusal));
    log.error({ requestId: request.id, error: describeUnknownError(error) }, 'internal error');
    sendAnswer(request, reply, spellAnswer(plainAnswer(500, 'internal', 'internal error')));
  });
}

/** Registers the routes of the dialects, which answer whatever no other scope does. */
export function registerRest(scope: FastifyInstance, answer: RequestAnswering['answer']): void {
  // Before the framework looks at a content type: the body is read only once the call is let in, and by the dialect's rules.
  scope.addHook('onRequest', answer);
  scope.setNotFoundHandler(answer);
  scope.route({ method: restMethods, url: '/*', handler: answer });
}

/** Without the query. */
function pathOf({ raw }: FastifyRequest): string {
  return raw.url?.split('?', 1)[0] ?? '/';
}
