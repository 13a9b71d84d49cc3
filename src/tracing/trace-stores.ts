import type { Tracer } from '@opentelemetry/api';
import type { Stores } from '../store/stores/stores.ts';
import { inSpan } from './in-span.ts';

/** Those whose methods are all asynchronous, and answer once. */
const traced = [
  'keys',
  'credentials',
  'access',
  'workspaces',
  'members',
  'apiKeys',
  'users',
  'accounts',
  'audit',
] as const;

/** Records a span of each call of a store that is a part of a request: `credentials.decide`, `keys.findWorkspaceKeys`. */
export function traceStores(stores: Stores, tracer: Tracer | undefined): Stores {
  if (!tracer) return stores;
  const wrapped = traced.map((name) => [name, traceMethods(name, stores[name], tracer)] as const);
  return { ...stores, ...Object.fromEntries(wrapped) };
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
