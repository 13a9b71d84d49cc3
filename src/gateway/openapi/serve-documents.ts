import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import type { Dialect } from '../contract/dialect.ts';
import type { RouteTable } from '../routes/route-table.ts';
import { createApiDocument } from './api-document.ts';

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

/** A document that can be chosen. */
export interface DocsEntry {
  readonly name: string;
  readonly url: string;
}

/** The one style that Swagger UI writes into the page: two colours of a picture. */
const styleOfLogo = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='";

/** What the pages may load: what this server serves, and the pictures that are written into the stylesheet. */
const contentSecurityPolicy: Readonly<Record<string, readonly string[]>> = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'", styleOfLogo],
  'img-src': ["'self'", 'data:'],
  'connect-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
};

/** Serves Swagger UI at `/docs`, with a choice of all documents, the first one first. It loads nothing from elsewhere. */
export async function serveDocs(fastify: FastifyInstance, entries: readonly DocsEntry[]): Promise<void> {
  await fastify.register(async (scope) => {
    await scope.register(fastifySwagger, {
      mode: 'static',
      specification: { document: { openapi: '3.1.0', info: { title: '', version: '' }, paths: {} } },
    });
    await scope.register(fastifySwaggerUi, {
      routePrefix: '/docs',
      theme: { title: 'API documents' },
      uiConfig: {
        urls: entries.map(({ name, url }) => ({ name, url })),
        // Tokens that were typed in are forgotten with the page.
        persistAuthorization: false,
      },
      // The package has room for one document; ours are elsewhere.
      uiHooks: {
        onRequest: (request, reply, done) => {
          if (/^\/docs\/(json|yaml)$/.test(request.routeOptions.url ?? '')) reply.redirect('/openapi.json');
          else done();
        },
      },
      staticCSP: Object.entries(contentSecurityPolicy)
        .map(([directive, sources]) => `${directive} ${sources.join(' ')}`)
        .join('; '),
    });
  });
}
