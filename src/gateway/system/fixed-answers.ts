import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { VaultError } from '../../vault/errors.ts';
import type { Clock } from '../../vault/time.ts';
import type { Dialect, RestAnswer } from '../contract/dialect.ts';
import type { Exchange } from '../contract/exchange.ts';
import { renderProblem } from '../errors/rest-problems.ts';

/** No scripts, no styles, nothing from other hosts. */
const contentSecurityPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Coffer</title>
  </head>
  <body>
    <h1>Coffer</h1>
    <p>An encrypted credential vault. The server is running.</p>
    <p><a href="/docs">API documents</a></p>
  </body>
</html>
`;

/** Answers `/` with links to the documents: as a page for browsers, in JSON for other clients. */
export function serveFrontPage(fastify: FastifyInstance): void {
  fastify.route({
    method: ['GET', 'HEAD'],
    url: '/',
    handler: async (request, reply) => {
      reply.header('vary', 'accept');
      if (!/\btext\/html\b/i.test(request.headers.accept ?? '')) return { docs: '/docs', openapi: '/openapi.json' };
      return reply.header('content-security-policy', contentSecurityPolicy).type('text/html; charset=utf-8').send(page);
    },
  });
}

/** What fixed answers are served with. */
export interface FixedAnswersParts {
  readonly dialects: readonly Dialect[];
  /** Why no dialect answers, if there is a reason. */
  readonly refusal: (() => VaultError | undefined) | undefined;
  readonly exchangeOf: (request: FastifyRequest) => Exchange | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Serves the fixed answers of dialects at their documented paths and below the mount prefixes, also with a trailing slash. */
export function serveFixedAnswers(fastify: FastifyInstance, parts: FixedAnswersParts): void {
  for (const dialect of parts.dialects) {
    const { fixedAnswers = [], name } = dialect;
    for (const { path, contentType, body } of fixedAnswers) {
      const paths = path.endsWith('/*') ? [path] : [path, `${path}/`];
      for (const one of paths.flatMap((documented) => [documented, `/${name}${documented}`])) {
        fastify.get(one, async (request, reply) => {
          const error = parts.refusal?.();
          if (!error) return reply.type(contentType).send(body);
          const refused = refusalOf(dialect, error, parts.exchangeOf(request), parts);
          return reply
            .code(refused.status)
            .headers(refused.headers ?? {})
            .send(refused.body);
        });
      }
    }
  }
}

function refusalOf(
  dialect: Dialect,
  error: VaultError,
  exchange: Exchange | undefined,
  { clock, log }: FixedAnswersParts,
): RestAnswer {
  const requestId = exchange?.requestId ?? '';
  const shown = { method: undefined, requestId, now: clock.now(), pathVariables: {}, caller: undefined };
  return renderProblem(dialect, { kind: 'vault', error }, shown, log);
}
