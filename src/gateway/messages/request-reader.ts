import { create, ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import type { Violation } from '@bufbuild/protovalidate';
import { isJsonObject, type JsonObject, type JsonValue } from '../../vault/json.ts';
import type { Fault } from '../contract/dialect.ts';
import { faultsMax } from '../errors/refusal-limits.ts';
import { findUnstorable } from '../request/json-guard.ts';
import type { RequestHeaders } from '../request/request-headers.ts';
import { findField, isRequiredField, resolveFieldPath } from '../routes/message-fields.ts';
import type { BodyBinding, Route } from '../routes/route-table.ts';
import { faultListOf, overlapWith, type FaultList, type PlacedFault } from './fault-list.ts';
import { createJsonMessageReader } from './message-readers.ts';
import { createRequestCheck } from './request-checker.ts';
import {
  mergeTrees,
  pathsOfVariables,
  readQuery,
  readVariables,
  unknownParameter,
  valuesByName,
} from './text-values.ts';
import { faultOfViolation } from './violation-faults.ts';

/** The parts of a REST request beside its path. */
export interface RequestParts {
  readonly query: URLSearchParams;
  readonly headers: RequestHeaders;
  /** Undefined if none was sent, or the route takes none. */
  readonly body: JsonValue | undefined;
}

/** Builds messages from the requests of one route. */
export interface RequestReader {
  /** Whether a request without a body lacks a required field. */
  readonly needsBody: boolean;
  /** Reads the path, which is known before the rest. */
  readPath(variables: PathVariables): BegunRequest;
}

type PathVariables = Readonly<Record<string, string>>;

/** A request whose path has been read. */
export interface BegunRequest {
  /** The fields given by the path; a variable of the wrong type is left out. */
  readonly message: Message;
  /** Returns the whole message, or the faults of the request. */
  readRest(parts: RequestParts): { readonly message: Message } | FaultList;
}

/** Finds the rules that a message breaks. */
type Validate = (schema: DescMessage, message: Message) => readonly Violation[];

/** Creates the reader of a route. */
export function createRequestReader(route: Route, validate: Validate): RequestReader {
  const { input } = route.rpc.method;
  const origins = originsOf(route);
  const check = createPartChecks(route, origins);
  const decode = createDecoder(input);
  const headerFields = fieldsOfHeaders(route);
  const violationsOf = createViolationSearch(route, origins, validate);
  const withoutQuery = check.query(new URLSearchParams());
  return {
    needsBody: needsBody(route, origins),
    readPath(variables) {
      const ofPath = check.path(variables);
      const named = decode(ofPath.json);
      return {
        message: named ?? create(input),
        readRest({ query, headers, body }) {
          const unstorable = unstorableFault(variables, query, body);
          if (unstorable) return faultListOf([{ fault: unstorable, order: [] }]);
          const checked = [ofPath, query.size === 0 ? withoutQuery : check.query(query), check.body(body)];
          const ofHeaders = readHeaders(headerFields, headers);
          const ofRest = checked.reduceRight((tree, part) => mergeTrees(part.json, tree), {});
          const json = mergeTrees(ofRest, ofHeaders.json);
          const faults = [...checked, ofHeaders].flatMap((part) => part.faults);
          faults.push(...faultsBesideHeaders(headerFields, origins, ofRest, ofHeaders.json));
          if (faults.length > faultsMax) return faultListOf(faults);
          const message = json === ofPath.json ? named : decode(json);
          if (!message) return faultListOf([...faults, undecodable]);
          const all = [...faults, ...violationsOf(json, message, faults)];
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

/** Compiles the checks of the path, the query and the body. */
function createPartChecks({ body: binding, dialect, rpc, template }: Route, origins: Origins) {
  const { input } = rpc.method;
  const { json, unknownMembers } = dialect.rest;
  const style = { names: json.names, unknownMembers };
  const pathCheck = createRequestCheck(input, origins.path, { ...style, source: 'path' });
  const queryCheck = createRequestCheck(input, origins.query, { ...style, source: 'query' });
  const bodyCheck = createRequestCheck(input, origins.body, { ...style, source: 'body' });
  const variablePaths = pathsOfVariables(input, template);
  const isVariable = ({ order }: PlacedFault): boolean => origins.variables.has(order.join());
  return {
    /** The message around a nested variable comes from elsewhere, so that only faults of the variables count. */
    path(variables: PathVariables): Checked {
      const checked = pathCheck(readVariables(variablePaths, variables));
      return { json: checked.json, faults: checked.faults.filter(isVariable) };
    },
    query(query: URLSearchParams): Checked {
      const { sent, unknown, twice, repeated } = readQuery(input, query);
      const isStrict = unknownMembers === 'refuse';
      const unknownFaults = isStrict ? unknown.slice(0, faultsMax + 1).map(unknownParameter) : [];
      const checked = queryCheck(sent);
      const sentAgain = isStrict ? [...twice, ...repeated] : twice;
      const further = [...sentAgain.map(sentTwice), ...unknownFaults].map((fault) => ({ fault, order: atEnd }));
      return { json: checked.json, faults: [...checked.faults, ...further] };
    },
    body(body: JsonValue | undefined): Checked {
      const checked = bodyCheck(bodyTree(binding, body));
      return { json: checked.json, faults: checked.faults.filter((fault) => !isVariable(fault)) };
    },
  };
}

/** After all fields. */
const atEnd: readonly number[] = [Number.MAX_SAFE_INTEGER];

/** Creates the search for broken rules in places without an earlier fault. */
function createViolationSearch({ dialect, rpc }: Route, { sourceOf }: Origins, validate: Validate) {
  const { input } = rpc.method;
  const { names } = dialect.rest.json;
  return (json: JsonObject, message: Message, faults: readonly PlacedFault[]): PlacedFault[] => {
    const violations = validate(input, message);
    if (violations.length === 0) return [];
    const overlaps = overlapWith(faults);
    return violations
      .map((violation) => faultOfViolation(violation, { message: input, names, sent: json, sourceOf }))
      .filter(({ order }) => !overlaps(order));
  };
}

/** Where each top field of a request comes from. */
export interface Origins {
  readonly path: readonly DescField[];
  readonly query: readonly DescField[];
  readonly body: readonly DescField[];
  /** The places of the path's variables, each as its joined positions. */
  readonly variables: ReadonlySet<string>;
  readonly sourceOf: (field: DescField | undefined) => Fault['source'];
}

/** Determines which fields of a request come from its path, its query and its body. */
export function originsOf(route: Route): Origins {
  const { fields } = route.rpc.method.input;
  const paths = route.template.variables.flatMap(
    ({ fieldPath }) => resolveFieldPath(route.rpc.method.input, fieldPath) ?? [],
  );
  const whole = new Set(paths.filter((path) => path.fields.length === 1).map(({ last }) => last));
  const inBody = (field: DescField): boolean =>
    route.body.kind === 'all' ? !whole.has(field) : route.body.kind === 'field' && route.body.field === field;
  const body = fields.filter(inBody);
  const isInQuery = (field: DescField): boolean =>
    !whole.has(field) && !inBody(field) && route.dialect.rest.fieldsNotInQuery?.includes(field.name) !== true;
  const query = route.body.kind === 'all' ? [] : fields.filter(isInQuery);
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

/** Whether a request without a body lacks a required field. */
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

/** The text fields that a header may set. */
function fieldsOfHeaders({ dialect, rpc }: Route): readonly HeaderField[] {
  return Object.entries(dialect.rest.fieldsByHeader ?? {}).flatMap(([header, name]) => {
    const field = findField(rpc.method.input, name);
    return field?.fieldKind === 'scalar' && field.scalar === ScalarType.STRING
      ? [{ header, field, name: field.name }]
      : [];
  });
}

/** Reads the fields set by headers. An empty header is a fault: it would leave its field unset, which the client did not intend. */
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

function sentTwice(name: string): Fault {
  return { source: 'query', path: [name], rule: 'sent_twice', input: undefined };
}

/**
 * Finds the fields with a header, such as a condition, that the body or query sets to an empty text, which would be no condition,
 * or to another value than the header, so that one of the two would be dropped silently.
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

function unstorableFault(
  variables: PathVariables,
  query: URLSearchParams,
  body: JsonValue | undefined,
): Fault | undefined {
  return (
    unstorableIn('path', variables) ??
    (query.size === 0 ? undefined : unstorableIn('query', Object.fromEntries(valuesByName(query)))) ??
    (body === undefined ? undefined : unstorableIn('body', body))
  );
}

function unstorableIn(source: Fault['source'], part: JsonValue): Fault | undefined {
  const found = findUnstorable(part);
  if (!found) return undefined;
  // All values of a parameter are one member.
  const path = source === 'query' ? found.path.slice(0, 1) : found.path;
  return { source, path, rule: 'other', input: undefined };
}

const undecodable: PlacedFault = { fault: { source: 'body', path: [], rule: 'other', input: undefined }, order: [] };

/** What the checks accept can be decoded. If not, the decoder's message is dropped, because it quotes values. */
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
