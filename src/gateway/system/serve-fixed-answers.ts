import type { FastifyInstance } from 'fastify';
import type { Dialect } from '../contract/dialect.ts';

/** Serves what dialects always answer alike, at its documented path and below the mount prefix, with and without a last slash. */
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
