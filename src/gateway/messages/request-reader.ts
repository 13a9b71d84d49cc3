import { create, ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import type { Violation } from '@bufbuild/protovalidate';
import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';
import type { RequestHeaders } from '../request/request-headers.ts';
import type { Fault } from '../contract/dialect.ts';
import { faultsMax } from '../errors/refusal-limits.ts';
import { faultListOf, overlapWith, type FaultList } from './fault-list.ts';
import { findUnstorable } from '../request/json-guard.ts';
import { createJsonMessageReader } from './read-json-message.ts';
import { findField, isRequiredField, resolveFieldPath } from '../routes/message-fields.ts';
import { createRequestCheck, type PlacedFault } from './request-checker.ts';
import type { BodyBinding, Route } from '../routes/route-table.ts';
import {
  mergeTrees,
  pathsOfVariables,
  readQuery,
  readVariables,
  unknownParameter,
  valuesByName,
} from './text-values.ts';
import { faultOfViolation } from './violation-faults.ts';

/** What a REST request has beside its path. */
export interface RequestParts {
  readonly query: URLSearchParams;
  readonly headers: RequestHeaders;
  /** Undefined where none was sent, or the route takes none. */
  readonly body: JsonValue | undefined;
}

/** Makes messages out of the requests of one route. */
export interface RequestReader {
  /** Whether a request without a body lacks something that it must have. */
  readonly needsBody: boolean;
  /** Reads what the path holds, which can be known before the rest. */
  readPath(variables: Readonly<Record<string, string>>): BegunRequest;
}

/** A request of which the path is read. */
export interface BegunRequest {
  /** What the path tells, and nothing else; a variable of the wrong type is left out. */
  readonly message: Message;
  /** The whole message, or what is wrong with the request. */
  readRest(parts: RequestParts): { readonly message: Message } | FaultList;
}

/** @param validate what finds the broken rules of a message */
export function createRequestReader(
  route: Route,
  validate: (schema: DescMessage, message: Message) => readonly Violation[],
): RequestReader {
  const { input } = route.rpc.method;
  const { names } = route.dialect.rest.json;
  const { unknownMembers } = route.dialect.rest;
  const origins = originsOf(route);
  const style = { names, unknownMembers };
  const ofPath = createRequestCheck(input, origins.path, { ...style, source: 'path' });
  const ofQuery = createRequestCheck(input, origins.query, { ...style, source: 'query' });
  const ofBody = createRequestCheck(input, origins.body, { ...style, source: 'body' });

  const decode = createDecoder(input);
  const variablePaths = pathsOfVariables(input, route.template);
  const headerFields = fieldsOfHeaders(route);

  const checkPath = (variables: Readonly<Record<string, string>>): Checked => {
    const checked = ofPath(readVariables(variablePaths, variables));
    // The message around a nested variable comes from elsewhere; only the variables themselves are this source's to judge.
    return { json: checked.json, faults: checked.faults.filter(({ order }) => origins.variables.has(order.join())) };
  };
  const checkQuery = (query: URLSearchParams): Checked => {
    const { sent, unknown, twice } = readQuery(input, query);
    const faults = (unknownMembers === 'refuse' ? unknown.slice(0, faultsMax + 1) : []).map((name) => ({
      fault: unknownParameter(name),
      order: [Number.MAX_SAFE_INTEGER],
    }));
    const checked = ofQuery(sent);
    return { json: checked.json, faults: [...checked.faults, ...twice.map(sentTwice), ...faults] };
  };
  const checkBody = (body: JsonValue | undefined): Checked => {
    const checked = ofBody(bodyTree(route.body, body));
    return { json: checked.json, faults: checked.faults.filter(({ order }) => !origins.variables.has(order.join())) };
  };
  const findViolations = (json: JsonObject, message: Message): PlacedFault[] =>
    validate(input, message).map((violation) =>
      faultOfViolation(violation, { message: input, names, sent: json, sourceOf: origins.sourceOf }),
    );
  const withoutQuery = checkQuery(new URLSearchParams());

  return {
    needsBody: needsBody(route, origins),
    readPath(variables) {
      const ofVariables = checkPath(variables);
      const named = decode(ofVariables.json);
      return {
        message: named ?? create(input),
        readRest({ query, headers, body }) {
          const flaw = findFlaw(variables, query, body);
          if (flaw) return faultListOf([{ fault: flaw, order: [] }]);
          const checked = [ofVariables, query.size === 0 ? withoutQuery : checkQuery(query), checkBody(body)];
          const ofHeaders = readHeaders(headerFields, headers);
          const ofRest = checked.reduceRight((tree, part) => mergeTrees(part.json, tree), {});
          const json = mergeTrees(ofRest, ofHeaders.json);
          const faults = [...checked, ofHeaders].flatMap((part) => part.faults);
          faults.push(...faultsBesideHeaders(headerFields, origins, ofRest, ofHeaders.json));
          if (faults.length > faultsMax) return faultListOf(faults);
          const message = json === ofVariables.json ? named : decode(json);
          if (!message) return faultListOf([...faults, undecodable]);
          const overlaps = overlapWith(faults);
          const violations = findViolations(json, message).filter(({ order }) => !overlaps(order));
          const all = [...faults, ...violations];
          return all.length === 0 ? { message } : faultListOf(all);
        },
      };
    },
  };
}

interface Checked {
  readonly json: JsonObject;
  readonly faults: readonly PlacedFault[];
}

/** Where each field of a request's root comes from. */
export interface Origins {
  readonly path: readonly DescField[];
  readonly query: readonly DescField[];
  readonly body: readonly DescField[];
  /** The places of the path's variables, their positions joined. */
  readonly variables: ReadonlySet<string>;
  readonly sourceOf: (field: DescField | undefined) => Fault['source'];
}

/** Tells which fields of a request its path, its query and its body hold. */
export function originsOf(route: Route): Origins {
  const { fields } = route.rpc.method.input;
  const paths = route.template.variables.flatMap(
    ({ fieldPath }) => resolveFieldPath(route.rpc.method.input, fieldPath) ?? [],
  );
  const whole = new Set(paths.filter((path) => path.fields.length === 1).map(({ last }) => last));
  const inBody = (field: DescField): boolean =>
    route.body.kind === 'all' ? !whole.has(field) : route.body.kind === 'field' && route.body.field === field;
  const body = fields.filter(inBody);
  const query = route.body.kind === 'all' ? [] : fields.filter((field) => !whole.has(field) && !inBody(field));
  return {
    path: fields.filter((field) => paths.some((path) => path.fields[0] === field)),
    query,
    body,
    variables: new Set(paths.map((path) => path.fields.map((field) => field.parent.fields.indexOf(field)).join())),
    sourceOf: (field) => {
      if (field && whole.has(field)) return 'path';
      return field ? (body.includes(field) ? 'body' : 'query') : route.body.kind === 'none' ? 'query' : 'body';
    },
  };
}

/** Tells whether a request without a body lacks something that it must have. */
export function needsBody({ body }: Route, origins: Origins): boolean {
  if (body.kind === 'none') return false;
  if (body.kind === 'all') return origins.body.some(isRequiredField);
  return isRequiredField(body.field);
}

function bodyTree(binding: BodyBinding, body: JsonValue | undefined): JsonObject {
  if (body === undefined || binding.kind === 'none') return {};
  if (binding.kind === 'field') return { [binding.field.name]: body };
  return isJsonObject(body) ? body : {};
}

interface HeaderField {
  readonly header: string;
  readonly field: DescField;
  readonly name: string;
}

/** The text fields that a header may hold. */
function fieldsOfHeaders({ dialect, rpc }: Route): readonly HeaderField[] {
  return Object.entries(dialect.rest.fieldsByHeader ?? {}).flatMap(([header, name]) => {
    const field = findField(rpc.method.input, name);
    return field?.fieldKind === 'scalar' && field.scalar === ScalarType.STRING
      ? [{ header, field, name: field.name }]
      : [];
  });
}

/** What headers hold for fields. An empty one would be a field that is not set, although its client has meant something by it. */
function readHeaders(fields: readonly HeaderField[], headers: RequestHeaders): Checked {
  const json: Record<string, string> = {};
  const faults: PlacedFault[] = [];
  for (const { header, name } of fields) {
    const text = headers.get(header);
    if (text === null) continue;
    if (text.trim() !== '') json[name] = text;
    else faults.push({ fault: { source: 'header', path: [header], rule: 'pattern', input: undefined }, order: [] });
  }
  return { json, faults };
}

function sentTwice(name: string): PlacedFault {
  return {
    fault: { source: 'query', path: [name], rule: 'sent_twice', input: undefined },
    order: [Number.MAX_SAFE_INTEGER],
  };
}

/**
 * What else sets a field that a header may set, such as a condition: empty it would be no condition, and where it is another than
 * the header's, one of the two would be dropped in silence.
 */
function faultsBesideHeaders(
  fields: readonly HeaderField[],
  { sourceOf }: Origins,
  rest: JsonObject,
  ofHeaders: JsonObject,
): PlacedFault[] {
  return fields.flatMap(({ field, name }) => {
    const value = rest[name];
    if (value === undefined) return [];
    const isTwice = Object.hasOwn(ofHeaders, name) && ofHeaders[name] !== value;
    if (value !== '' && !isTwice) return [];
    const rule = isTwice ? 'sent_twice' : 'pattern';
    return [{ fault: { source: sourceOf(field), path: [name], rule, input: undefined }, order: [] }];
  });
}

function findFlaw(
  variables: Readonly<Record<string, string>>,
  query: URLSearchParams,
  body: JsonValue | undefined,
): Fault | undefined {
  return (
    flawIn('path', variables) ??
    (query.size === 0 ? undefined : flawIn('query', Object.fromEntries(valuesByName(query)))) ??
    (body === undefined ? undefined : flawIn('body', body))
  );
}

function flawIn(source: Fault['source'], part: JsonValue): Fault | undefined {
  const flaw = findUnstorable(part);
  if (!flaw) return undefined;
  // All values of a parameter are one member.
  const path = source === 'query' ? flaw.path.slice(0, 1) : flaw.path;
  return { source, path, rule: 'other', input: undefined };
}

const undecodable: PlacedFault = { fault: { source: 'body', path: [], rule: 'other', input: undefined }, order: [] };

/** What the checker lets pass decodes; should it not, the reader's own words are dropped, since they quote values. */
function createDecoder(schema: DescMessage): (json: JsonObject) => Message | undefined {
  const read = createJsonMessageReader(schema, { ignoreUnknownFields: true });
  return (json) => {
    try {
      return read(json);
    } catch {
      return undefined;
    }
  };
}
