import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import type { Guard } from '../admission/guard.ts';
import { createJsonWriters, type JsonWriters } from '../messages/json-writer.ts';
import { fieldReader, resolveFieldPath, wireNameOf } from '../routes/message-fields.ts';
import { nameOfRpc } from '../contract/bound-rpc.ts';
import { createRequestReader, type RequestReader } from '../messages/request-reader.ts';
import type { ListWriter } from './list-answer.ts';
import type { Route } from '../routes/route-table.ts';
import { isStream } from '../contract/bound-rpc.ts';

/** A route with all that is made once for it. */
export interface CompiledRoute {
  readonly reader: RequestReader;
  /** The entity tag of an answer, unquoted; undefined where its message has none. */
  readonly etagOf: ((message: Message) => string | undefined) | undefined;
  /** Spells an answer as JSON text, in the dialect's style. */
  readonly write: (message: Message) => string;
  /** Of an answer. */
  readonly status: number;
  /** On every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** `coffer.v1.CredentialService/GetCredential`. */
  readonly rpcName: string;
  /** Of a list that may be sent in parts. */
  readonly list: CompiledList | undefined;
}

/** How the parts of a list are serialized; see `ListWriter`. */
export interface CompiledList {
  readonly elements: (part: Message) => string;
  /** @param envelope wraps the JSON of the answer */
  readonly frame: (part: Message, envelope: (text: string) => string) => ReturnType<ListWriter['frame']>;
}

/** Compiles all routes at once, so that a mistake in a proto shows at start-up. */
export function compileRoutes(routes: readonly Route[], guard: Guard): (route: Route) => CompiledRoute {
  const writers = new Map(routes.map(({ dialect }) => [dialect, createJsonWriters(dialect.rest.json)]));
  const compiled = new Map<Route, CompiledRoute>();
  for (const route of routes) {
    const ofDialect = writers.get(route.dialect);
    assert(ofDialect);
    const { rest } = route.dialect;
    const { method } = route.rpc;
    compiled.set(route, {
      reader: createRequestReader(route, (schema, message) => guard.validate(schema, message)),
      etagOf: rest.etagField === undefined ? undefined : compileEtag(method.output, rest.etagField),
      write: route.responseField ? ofDialect.ofField(route.responseField) : ofDialect.ofMessage(method.output),
      status: rest.successStatus[method.name] ?? 200,
      headers: rest.headers?.[method.name] ?? {},
      rpcName: nameOfRpc(method),
      list: !isStream(route.rpc) && route.rpc.invokeInParts ? compileList(route, ofDialect) : undefined,
    });
  }
  return (route) => {
    const found = compiled.get(route);
    assert(found);
    return found;
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

/** The list is the one repeated field of the answer, and stands in its JSON where an empty one would. */
function compileList({ dialect, rpc, responseField }: Route, writers: JsonWriters): CompiledList {
  const { output } = rpc.method;
  const field = output.fields.find(({ fieldKind }) => fieldKind === 'list');
  assert(field, 'a list has a repeated field');
  const writeList = writers.ofField(field);
  const writeWhole = writers.ofMessage(output);
  const empty = `"${wireNameOf(field, dialect.rest.json.names)}":[]`;
  return {
    elements: (part) => writeList(part).slice(1, -1),
    frame(part, envelope) {
      if (responseField) return { before: '[', after: ']' };
      const text = envelope(writeWhole(Object.assign(create(output), part, { [field.localName]: [] })));
      // No string in JSON holds this: its quotes would be escaped.
      const end = text.indexOf(empty) + empty.length - 1;
      return { before: text.slice(0, end), after: text.slice(end) };
    },
  };
}
