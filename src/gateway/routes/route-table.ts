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

/** The fields of a request that its body holds. */
export type BodyBinding =
  { readonly kind: 'none' } | { readonly kind: 'all' } | { readonly kind: 'field'; readonly field: DescField };

/** One way to call an rpc over REST. */
export interface Route {
  readonly dialect: Dialect;
  /** Streams are served as server-sent events. */
  readonly rpc: BoundRpc | BoundStream;
  readonly httpMethod: string;
  /** The documented path, or that path below the mount prefix. */
  readonly path: string;
  /** Whether the path is below the mount prefix. */
  readonly isMounted: boolean;
  readonly template: PathTemplate;
  readonly body: BodyBinding;
  /** The field of the response that is answered; undefined for the whole response. */
  readonly responseField: DescField | undefined;
}

/** The routes of a method and a path. */
export type RouteMatch =
  /** Several candidates, each of another dialect, where dialects share a path. */
  | { readonly kind: 'found'; readonly candidates: readonly PathMatch<Route>[] }
  | { readonly kind: 'method_not_allowed'; readonly allow: ReadonlyMap<Dialect, readonly string[]> }
  /** With the dialects that have routes with the same prefix. */
  | { readonly kind: 'not_found'; readonly dialects: readonly Dialect[] }
  /** The path is not percent-encoded UTF-8. */
  | { readonly kind: 'malformed' };

/** All REST routes of all dialects. */
export interface RouteTable {
  readonly routes: readonly Route[];
  /** @param path without the query, still percent-encoded */
  match(httpMethod: string, path: string): RouteMatch;
  /** The methods of all dialects at a path; undefined where there is no route. */
  allowedMethods(path: string): readonly string[] | undefined;
}

/**
 * Reads the routes from the `google.api.http` annotations of all rpcs. Each is served at its documented path and below the
 * mount prefix `/<dialect>`; an rpc without the annotation has no route.
 *
 * @throws Error where an annotation uses a feature that the gateway lacks, or two rpcs of one dialect have the same route
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

/** The route at its documented path and the one below the mount prefix. */
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
    throw unsupported(method, 'a method other than the five');
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
  return new Error(`${method.parent.typeName}.${method.name} has ${what}: google.api.http does not support this here`);
}

/**
 * Adds `HEAD` to methods with `GET`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-9.1
 */
export function withHead(methods: readonly string[]): readonly string[] {
  return [...new Set([...methods, ...(methods.includes('GET') ? ['HEAD'] : [])])].toSorted();
}

/** The method by which routes are found: `HEAD` is answered as `GET` without the body. */
export function answeringMethod(httpMethod: string): string {
  return httpMethod === 'HEAD' ? 'GET' : httpMethod;
}

/** What identifies the dialect of a request whose path belongs to several. */
export interface SharedPathRequest {
  /** The path as it was sent, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: RequestHeaders;
  /** Undefined without authentication. */
  readonly caller: Caller | undefined;
  /** The dialect for which the caller's API key was issued. */
  readonly callerDialect: string | undefined;
  /** Undefined without authentication, and where none was sent. */
  readonly body: JsonValue | undefined;
  /** The decoded values of the path's variables, in their order. */
  readonly pathValues: readonly string[];
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
}

/** Chooses the dialect that answers a shared path; undefined for the first candidate. */
export type ChooseDialect = (
  candidates: readonly string[],
  request: SharedPathRequest,
) => string | undefined | Promise<string | undefined>;
