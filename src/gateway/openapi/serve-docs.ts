import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

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
