import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import type { Guard } from '../admission/guard.ts';
import { isStream, nameOfRpc, type BoundRpc } from '../contract/bound-rpc.ts';
import { createJsonWriters, type JsonWriters } from '../messages/json-writer.ts';
import { createRequestReader, type RequestReader } from '../messages/request-reader.ts';
import { fieldReader, resolveFieldPath, wireNameOf } from '../routes/message-fields.ts';
import type { Route } from '../routes/route-table.ts';
import type { ListWriter } from './send-answer.ts';

/** What is compiled once for a route. */
export interface CompiledRoute {
  readonly reader: RequestReader;
  /** The entity tag of an answer, unquoted; undefined if its message has none. */
  readonly etagOf: ((message: Message) => string | undefined) | undefined;
  /** Serializes an answer as JSON text, in the dialect's style. */
  readonly write: (message: Message) => string;
  /** The status of a successful answer. */
  readonly status: number;
  /** On every successful answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** `coffer.v1.CredentialService/GetCredential`. */
  readonly rpcName: string;
  /** Of a list that may be sent in parts. */
  readonly list: CompiledList | undefined;
}

/** How a list is read and serialized in parts; see `ListWriter`. */
export interface CompiledList {
  readonly invoke: NonNullable<BoundRpc['invokeInParts']>;
  readonly elements: ListWriter['elements'];
  /** @param envelope wraps the JSON of the answer */
  readonly frame: (part: Message, envelope: (text: string) => string) => ReturnType<ListWriter['frame']>;
}

/** Compiles all routes at once, so that a mistake in a proto shows at start-up. */
export function compileRoutes(routes: readonly Route[], guard: Guard): (route: Route) => CompiledRoute {
  const writers = new Map(routes.map(({ dialect }) => [dialect, createJsonWriters(dialect.rest.json)]));
  const compiled = new Map(routes.map((route) => [route, compileRoute(route, guard, writers.get(route.dialect))]));
  return (route) => {
    const found = compiled.get(route);
    assert(found);
    return found;
  };
}

function compileRoute(route: Route, guard: Guard, writers: JsonWriters | undefined): CompiledRoute {
  assert(writers);
  const { rest } = route.dialect;
  const { method } = route.rpc;
  return {
    reader: createRequestReader(route, (schema, message) => guard.validate(schema, message)),
    etagOf: rest.etagField === undefined ? undefined : compileEtag(method.output, rest.etagField),
    write: route.responseField ? writers.ofField(route.responseField) : writers.ofMessage(method.output),
    status: rest.successStatus[method.name] ?? 200,
    headers: rest.headers?.[method.name] ?? {},
    rpcName: nameOfRpc(method),
    list: isStream(route.rpc) ? undefined : compileList(route, route.rpc, writers),
  };
}

function compileEtag(output: DescMessage, names: string): CompiledRoute['etagOf'] {
  const readers = resolveFieldPath(output, names)?.fields.map((field) => fieldReader(field));
  return (
    readers &&
    ((message) => {
      let value: unknown = message;
      for (const read of readers) value = typeof value === 'object' && value !== null ? read(value) : undefined;
      return typeof value === 'string' && value !== '' ? value : undefined;
    })
  );
}

/** The list is the only repeated field of the answer. Its elements go where an empty list is in the answer's JSON. */
function compileList(
  { dialect, responseField }: Route,
  { method: { output }, invokeInParts }: BoundRpc,
  writers: JsonWriters,
): CompiledList | undefined {
  if (!invokeInParts) return undefined;
  const field = output.fields.find(({ fieldKind }) => fieldKind === 'list');
  assert(field, 'a list has a repeated field');
  const writeList = writers.ofField(field);
  const writeWhole = writers.ofMessage(output);
  const empty = `"${wireNameOf(field, dialect.rest.json.names)}":[]`;
  return {
    invoke: invokeInParts,
    elements: (part) => writeList(part).slice(1, -1),
    frame(part, envelope) {
      if (responseField) return { before: '[', after: ']' };
      const text = envelope(writeWhole(Object.assign(create(output), part, { [field.localName]: [] })));
      // No JSON string contains this text, because its quotes would be escaped.
      const end = text.indexOf(empty) + empty.length - 1;
      return { before: text.slice(0, end), after: text.slice(end) };
    },
  };
}
