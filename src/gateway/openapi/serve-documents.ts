import type { FastifyInstance } from 'fastify';
import type { Dialect } from '../contract/dialect.ts';
import type { RouteTable } from '../routes/route-table.ts';
import { createApiDocument } from './api-document.ts';
import { serveDocs } from './serve-docs.ts';

/** What is documented. */
export interface DocumentsParts {
  readonly dialects: readonly Dialect[];
  readonly table: RouteTable;
  /** The product's. */
  readonly version: string | undefined;
}

/**
 * Serves to anybody the OpenAPI document of each dialect at `/openapi/<dialect>.json`, that of the first at `/openapi.json`
 * too, and all of them to be browsed at `/docs`.
 */
export async function serveDocuments(
  fastify: FastifyInstance,
  { dialects, table: { routes }, version }: DocumentsParts,
): Promise<void> {
  const documents = dialects.map((dialect) => ({
    name: dialect.name,
    url: `/openapi/${dialect.name}.json`,
    text: madeOnce(() => JSON.stringify(createApiDocument(dialect, routes, version))),
  }));
  for (const { text, url } of documents) serveJson(fastify, url, text);
  const [first] = documents;
  if (!first) return;
  serveJson(fastify, '/openapi.json', first.text);
  await serveDocs(fastify, documents);
}

function serveJson(fastify: FastifyInstance, url: string, text: () => string): void {
  fastify.get(url, async (_request, reply) => reply.type('application/json').send(text()));
}

/** Few servers are ever asked for their documents. */
function madeOnce(make: () => string): () => string {
  let made: string | undefined;
  return () => (made ??= make());
}
