import type { FastifyInstance } from 'fastify';
import type { Dialect } from '../contract/dialect.ts';

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

/** Serves the fixed answers of dialects at their documented paths and below the mount prefixes, also with a trailing slash. */
export function serveFixedAnswers(fastify: FastifyInstance, dialects: readonly Dialect[]): void {
  for (const { fixedAnswers = [], name } of dialects) {
    for (const { path, contentType, body } of fixedAnswers) {
      const paths = path.endsWith('/*') ? [path] : [path, `${path}/`];
      for (const one of paths.flatMap((documented) => [documented, `/${name}${documented}`])) {
        fastify.get(one, async (_request, reply) => reply.type(contentType).send(body));
      }
    }
  }
}
