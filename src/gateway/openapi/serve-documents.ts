import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import type { Dialect } from '../contract/dialect.ts';
import type { RouteTable } from '../routes/route-table.ts';
import { createApiDocument } from './api-document.ts';

/** What the documents describe. */
export interface DocumentsParts {
  readonly dialects: readonly Dialect[];
  readonly table: RouteTable;
  /** The version of the product. */
  readonly version: string | undefined;
}

/**
 * Serves the OpenAPI document of each dialect at `/openapi/<dialect>.json`, the first also at `/openapi.json`, and Swagger UI
 * with all of them at `/docs`, without authentication.
 */
export async function serveDocuments(
  fastify: FastifyInstance,
  { dialects, table: { routes }, version }: DocumentsParts,
): Promise<void> {
  const documents = dialects.map((dialect) => ({
    name: dialect.name,
    url: `/openapi/${dialect.name}.json`,
    text: lazy(() => JSON.stringify(createApiDocument(dialect, routes, version))),
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

/** Most servers never serve their documents. */
function lazy(create: () => string): () => string {
  let text: string | undefined;
  return () => (text ??= create());
}

/** A document in Swagger UI's list. */
export interface DocsEntry {
  readonly name: string;
  readonly url: string;
}

/** The hash of Swagger UI's only inline style, two colours of its logo. */
const logoStyle = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='";

/** The page may load only what this server serves, and the images inside the stylesheet. */
const contentSecurityPolicy: Readonly<Record<string, readonly string[]>> = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'", logoStyle],
  'img-src': ["'self'", 'data:'],
  'connect-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
};

/** Serves Swagger UI at `/docs`, with all documents to choose from. It loads nothing from other hosts. */
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
        // Entered tokens are not kept when the page is closed.
        persistAuthorization: false,
      },
      // The package's own route serves a single document.
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
