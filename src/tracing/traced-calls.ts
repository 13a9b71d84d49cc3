import { context, propagation, SpanKind, type Tracer } from '@opentelemetry/api';
import type { Fetch } from '../authentication/oidc/issuer-documents.ts';
import type { Stores } from '../store/stores/stores.ts';
import { inSpan } from './spans.ts';

/** Stores whose methods all return promises. */
const tracedStores = ['keys', 'credentials', 'access', 'workspaces', 'members', 'apiKeys', 'users', 'audit'] as const;

/** Records a span for each call of a store within a request, such as `credentials.decide` or `keys.findWorkspaceKeys`. */
export function traceStores(stores: Stores, tracer: Tracer | undefined): Stores {
  if (!tracer) return stores;
  const wrapped = tracedStores.map((name) => [name, traceMethods(name, stores[name], tracer)] as const);
  return { ...stores, ...Object.fromEntries(wrapped) };
}

/** Records a span for each document that is fetched within a request, and propagates its context to the other server. */
export function traceFetch(tracer: Tracer): Fetch {
  return (url, options) => {
    const { hostname, port, protocol } = new URL(url);
    const attributes = {
      'http.request.method': 'GET',
      'server.address': hostname,
      'server.port': Number(port || (protocol === 'https:' ? 443 : 80)),
    };
    return inSpan(tracer, { name: 'GET', kind: SpanKind.CLIENT, attributes }, async (span) => {
      const headers = new Headers(options.headers);
      if (span) propagation.inject(context.active(), headers, { set: (all, name, value) => all.set(name, value) });
      const response = await fetch(url, { ...options, headers });
      span?.setAttribute('http.response.status_code', response.status);
      return response;
    });
  };
}

function traceMethods<Store extends object>(name: string, store: Store, tracer: Tracer): Store {
  return new Proxy(store, {
    get(target, property) {
      const method: unknown = Reflect.get(target, property, target);
      if (typeof method !== 'function' || typeof property !== 'string') return method;
      return (...parameters: readonly unknown[]): Promise<unknown> =>
        inSpan(tracer, { name: `${name}.${property}` }, () => Reflect.apply(method, target, parameters));
    },
  });
}
