import { context, propagation, SpanKind, type Tracer } from '@opentelemetry/api';
import type { Fetch } from '../authentication/oidc/issuer-documents.ts';
import { inSpan } from './in-span.ts';

/** Records a span of each document that is fetched for a request, and tells the other server of it as the SDK does. */
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
