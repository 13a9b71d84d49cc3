import { getOption, hasOption, type DescField, type DescMethod } from '@bufbuild/protobuf';
import { http } from '../../../gen/google/api/annotations_pb.ts';
import type { HttpRule } from '../../../gen/google/api/http_pb.ts';
import type { Caller } from '../../vault/caller.ts';
import type { JsonValue } from '../../vault/json.ts';
import type { BoundRpc, BoundStream } from '../contract/bound-rpc.ts';
import type { Dialect } from '../contract/dialect.ts';
import type { RequestHeaders } from '../request/request-headers.ts';
import { findField, resolveFieldPath } from './message-fields.ts';
import { parsePathTemplate, shapeOf, type PathTemplate } from './path-template.ts';
import { createPathTree, splitPath, type PathMatch, type PathTree, type SplitPath } from './path-tree.ts';

/** What of a request its body holds. */
export type BodyBinding =
  { readonly kind: 'none' } | { readonly kind: 'all' } | { readonly kind: 'field'; readonly field: DescField };

/** One way to call an rpc by REST. */
export interface Route {
  readonly dialect: Dialect;
  /** One that answers with a stream is served as server-sent events. */
  readonly rpc: BoundRpc | BoundStream;
  readonly httpMethod: string;
  /** As it is documented, behind the mount prefix where it is served there. */
  readonly path: string;
  /** Whether that is below the mount prefix. */
  readonly isMounted: boolean;
  readonly template: PathTemplate;
  readonly body: BodyBinding;
  /** The field of the response that is the answer; undefined where all of it is. */
  readonly responseField: DescField | undefined;
}

/** What a method and a path mean. */
export type RouteMatch =
  /** Several candidates where dialects share a path; each is of another dialect. */
  | { readonly kind: 'found'; readonly candidates: readonly PathMatch<Route>[] }
  | { readonly kind: 'method_not_allowed'; readonly allow: ReadonlyMap<Dialect, readonly string[]> }
  /** With the dialects to which the beginning of the path belongs. */
  | { readonly kind: 'not_found'; readonly dialects: readonly Dialect[] }
  /** The path is not properly percent-encoded. */
  | { readonly kind: 'malformed' };

/** All REST routes of all dialects. */
export interface RouteTable {
  readonly routes: readonly Route[];
  /** @param path without the query, still percent-encoded */
  match(httpMethod: string, path: string): RouteMatch;
  /** The methods that any dialect has at a path; undefined where there is none. */
  allowedMethods(path: string): readonly string[] | undefined;
}

/**
 * Reads the routes out of the `google.api.http` annotations of every rpc, each at its documented path and below the mount
 * prefix `/<dialect>`. An rpc without the annotation has none.
 *
 * @throws Error where an annotation asks for what the gateway does not do, or two rpcs of one dialect have the same route
 */
export function createRouteTable(dialects: readonly Dialect[]): RouteTable {
  const tree = createPathTree<Route>();
  const routes = dialects.flatMap((dialect) => routesOf(dialect));
  refuseDuplicates(routes);
  for (const route of routes) tree.add(route.template, route);
  return {
    routes,
    match: (httpMethod, path) => match(tree, answeringMethod(httpMethod), path),
    allowedMethods: (path) => allowedMethods(tree, path),
  };
}

function allowedMethods(tree: PathTree<Route>, path: string): readonly string[] | undefined {
  const split = splitPath(path);
  const methods = split ? tree.find(split).flatMap((group) => group.map(({ entry }) => entry.httpMethod)) : [];
  return methods.length > 0 ? withHead(methods) : undefined;
}

function match(tree: PathTree<Route>, httpMethod: string, path: string): RouteMatch {
  const split = splitPath(path);
  if (!split) return { kind: 'malformed' };
  const groups = tree.find(split);
  for (const group of groups) {
    const candidates = group.filter(({ entry }) => entry.httpMethod === httpMethod);
    if (candidates.length > 0) return { kind: 'found', candidates };
  }
  if (groups.length === 0) return { kind: 'not_found', dialects: neighbouringDialects(tree, split) };
  const byDialect = Map.groupBy(groups.flat(), ({ entry }) => entry.dialect);
  const allow = new Map<Dialect, readonly string[]>();
  for (const [dialect, matches] of byDialect) {
    allow.set(dialect, withHead(matches.map(({ entry }) => entry.httpMethod)));
  }
  return { kind: 'method_not_allowed', allow };
}

function neighbouringDialects(tree: PathTree<Route>, path: SplitPath): readonly Dialect[] {
  return [...new Set(tree.findNeighbours(path).map(({ dialect }) => dialect))];
}

function routesOf(dialect: Dialect): Route[] {
  return [...dialect.rpcs, ...(dialect.streams ?? [])].flatMap((rpc) => {
    if (!hasOption(rpc.method, http)) return [];
    const rule = getOption(rpc.method, http);
    return [rule, ...rule.additionalBindings].flatMap((binding, index) => {
      if (index > 0 && binding.additionalBindings.length > 0)
        throw unsupported(rpc.method, 'nested additional_bindings');
      return bind(dialect, rpc, binding);
    });
  });
}

/** The route at its documented path, and the one below the mount prefix. */
function bind(dialect: Dialect, rpc: Route['rpc'], rule: HttpRule): Route[] {
  const { httpMethod, path } = patternOf(rpc.method, rule);
  const body = bodyOf(rpc.method, rule, httpMethod);
  const responseField = responseFieldOf(rpc.method, rule);
  return [false, true].map((isMounted) => {
    const served = isMounted ? `/${dialect.name}${path}` : path;
    const template = parsePathTemplate(served);
    checkVariables(rpc.method, template);
    return { dialect, rpc, httpMethod, path: served, isMounted, template, body, responseField };
  });
}

function patternOf(method: DescMethod, rule: HttpRule): { readonly httpMethod: string; readonly path: string } {
  const { pattern } = rule;
  if (rule.selector !== '') throw unsupported(method, 'a selector');
  if (pattern.case === undefined || pattern.case === 'custom')
    throw unsupported(method, 'another method than the five');
  return { httpMethod: pattern.case.toUpperCase(), path: pattern.value };
}

function checkVariables(method: DescMethod, template: PathTemplate): void {
  for (const { fieldPath } of template.variables) {
    const last = resolveFieldPath(method.input, fieldPath)?.last;
    if (last?.fieldKind !== 'scalar' && last?.fieldKind !== 'enum') {
      throw unsupported(method, `the path variable ${fieldPath}, which is no scalar field`);
    }
  }
}

function bodyOf(method: DescMethod, rule: HttpRule, httpMethod: string): BodyBinding {
  if (rule.body === '') return { kind: 'none' };
  if (httpMethod === 'GET') throw unsupported(method, 'a body in a GET request');
  if (rule.body === '*') return { kind: 'all' };
  const field = method.input.fields.find(({ name }) => name === rule.body);
  if (!field) throw unsupported(method, `the body ${rule.body}, which is no field`);
  return { kind: 'field', field };
}

function responseFieldOf(method: DescMethod, rule: HttpRule): DescField | undefined {
  if (rule.responseBody === '') return undefined;
  const field = findField(method.output, rule.responseBody);
  if (!field) throw unsupported(method, `the response_body ${rule.responseBody}, which is no field`);
  return field;
}

function refuseDuplicates(routes: readonly Route[]): void {
  const taken = new Map<string, Route>();
  for (const route of routes) {
    const key = `${route.dialect.name} ${route.httpMethod} ${shapeOf(route.template)}`;
    const other = taken.get(key);
    if (other) throw unsupported(route.rpc.method, `the same route as ${other.rpc.method.name}: ${route.path}`);
    taken.set(key, route);
  }
}

function unsupported(method: DescMethod, what: string): Error {
  return new Error(`${method.parent.typeName}.${method.name} has ${what}: google.api.http is not served like that`);
}

/**
 * Adds `HEAD` where there is `GET`: a path that has the one has the other.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-9.1
 */
export function withHead(methods: readonly string[]): readonly string[] {
  return [...new Set([...methods, ...(methods.includes('GET') ? ['HEAD'] : [])])].toSorted();
}

/** The method whose routes answer a request: `HEAD` is answered as `GET` is, but for the body. */
export function answeringMethod(httpMethod: string): string {
  return httpMethod === 'HEAD' ? 'GET' : httpMethod;
}

/** What a request shows of the dialect that it is meant for, when its path belongs to several. */
export interface SharedPathRequest {
  /** As it was sent, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: RequestHeaders;
  /** Undefined where nobody has proved who he is. */
  readonly caller: Caller | undefined;
  /** The dialect that the caller's API key was issued for. */
  readonly callerDialect: string | undefined;
  /** Undefined where nobody has proved who he is, and where none was sent. */
  readonly body: JsonValue | undefined;
  /** What the path's variables hold, decoded, in their order. */
  readonly pathValues: readonly string[];
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}

/** Chooses who answers a path that several dialects share; without a choice the first of them does. */
export type ChooseDialect = (
  candidates: readonly string[],
  request: SharedPathRequest,
) => string | undefined | Promise<string | undefined>;
