import type { DescMessage, DescService } from '@bufbuild/protobuf';
import type { JsonObject } from '../../vault/json.ts';
import type { Dialect } from '../contract/dialect.ts';
import type { Documentation } from '../contract/documentation.ts';
import { shapeOf } from '../routes/path-template.ts';
import type { Route } from '../routes/route-table.ts';
import { createComponentSchemas } from './component-schemas.ts';
import { documentedPath, operationOf } from './operation.ts';

/**
 * Describes the REST API of a dialect. Routes have their documented paths, and the mount prefix is a second server; where the
 * dialect shares a path with another, the mount prefix is the first server.
 *
 * @param routes the routes of all dialects
 * @param version the version of the product
 * @see https://spec.openapis.org/oas/v3.1.1.html
 */
export function createApiDocument(dialect: Dialect, routes: readonly Route[], version = '0.0.0'): JsonObject {
  const { documentation = { title: dialect.name }, name, rest } = dialect;
  const { securitySchemes } = documentation;
  const own = routes.filter((route) => route.dialect === dialect && !route.isMounted);
  const components = createComponentSchemas({ rest, documentation, bothWays: messagesOfBothWays(own) });
  const plain = { url: '/' };
  const mounted = {
    url: `/${name}`,
    description: 'Always answered by this API, also where another one has the same paths.',
  };
  const paths: Record<string, Record<string, JsonObject>> = {};
  const ordinals = new Map<Route['rpc'], number>();
  for (const route of own) {
    const ordinal = (ordinals.get(route.rpc) ?? 0) + 1;
    ordinals.set(route.rpc, ordinal);
    const item = (paths[documentedPath(route)] ??= {});
    item[route.httpMethod.toLowerCase()] = operationOf(route, ordinal, components);
  }
  return {
    openapi: '3.1.0',
    info: { title: documentation.title, version },
    servers: sharesPath(own, routes) ? [mounted, plain] : [plain, mounted],
    paths,
    components: { schemas: components.schemas, ...(securitySchemes && { securitySchemes }) },
    tags: tagsOf(dialect),
  };
}

/** Whether another dialect has one of the routes as well. */
function sharesPath(own: readonly Route[], routes: readonly Route[]): boolean {
  const others = routes.filter(({ dialect, isMounted }) => dialect !== own[0]?.dialect && !isMounted);
  const taken = new Set(others.map(keyOf));
  return own.some((route) => taken.has(keyOf(route)));
}

function keyOf({ httpMethod, template }: Route): string {
  return `${httpMethod} ${shapeOf(template)}`;
}

function tagsOf({ documentation, rpcs }: Dialect): JsonObject[] {
  const services = [...new Set(rpcs.map(({ method }) => method.parent))];
  return services.map((service) => tagOf(service, documentation));
}

function tagOf({ name, typeName }: DescService, documentation: Documentation | undefined): JsonObject {
  const description = documentation?.comments?.[typeName];
  return { name: documentation?.tags?.[name] ?? name, ...(description && { description }) };
}

function messagesOfBothWays(routes: readonly Route[]): ReadonlySet<DescMessage> {
  const received = withParts(routes.map(({ rpc }) => rpc.method.input));
  const answered = withParts(routes.map(({ rpc }) => rpc.method.output));
  return new Set([...answered].filter((message) => received.has(message)));
}

function withParts(messages: readonly DescMessage[], known = new Set<DescMessage>()): Set<DescMessage> {
  for (const message of messages) {
    if (known.has(message)) continue;
    known.add(message);
    withParts(
      message.fields.flatMap((field) => field.message ?? []),
      known,
    );
  }
  return known;
}
