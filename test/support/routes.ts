import { getOption, hasOption, type DescMethod, type DescService } from '@bufbuild/protobuf';
import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { http } from '../../gen/google/api/annotations_pb.ts';
import type { HttpRule } from '../../gen/google/api/http_pb.ts';

/** A well-formed id that nothing has. */
export const absentId = '018cc251-f400-7abc-8def-0123456789ab';

/** One REST route as the protos document it. */
export interface DocumentedRoute {
  readonly method: DescMethod;
  readonly httpMethod: string;
  /** A template such as `/v1/workspaces/{workspace_id}/credentials`. */
  readonly template: string;
  readonly hasBody: boolean;
  /** `*`, the name of the field that the body is, or nothing. */
  readonly body: string;
}

const dialectPackages = ['coffer', 'flowise', 'fishnet', 'mielto', 'scale', 'miniflow'];

/** Every service of every dialect, found in the generated code. */
export async function allServices(): Promise<readonly DescService[]> {
  const root = resolve(import.meta.dirname, '../..');
  const files = dialectPackages.flatMap((name) => globSync(`gen/${name}/*/*_service_pb.ts`, { cwd: root }));
  const modules: object[] = await Promise.all(files.map((file) => import(resolve(root, file))));
  return modules.flatMap((module) => Object.values(module).filter(isService));
}

/** The comments of every dialect's protos, by full name. */
export async function allComments(): Promise<Readonly<Record<string, string>>> {
  const root = resolve(import.meta.dirname, '../..');
  const files = dialectPackages.flatMap((name) => globSync(`gen/${name}/*/comments.ts`, { cwd: root }));
  const modules: object[] = await Promise.all(files.map((file) => import(resolve(root, file))));
  return Object.assign({}, ...modules.map((module) => Object(module).comments));
}

/** Every route of every service, additional bindings too. */
export async function allRoutes(): Promise<readonly DocumentedRoute[]> {
  const services = await allServices();
  return services.flatMap(({ methods }) => methods.flatMap(routesOf));
}

/** Whether a call of an owner seals the server, which then refuses every other call. */
export function sealsVault({ name, parent }: DescMethod): boolean {
  return parent.typeName === 'coffer.v1.KeyService' && name === 'Seal';
}

function routesOf(method: DescMethod): DocumentedRoute[] {
  if (!hasOption(method, http)) return [];
  const rule = getOption(method, http);
  return [rule, ...rule.additionalBindings].map((binding) => routeOf(method, binding));
}

function routeOf(method: DescMethod, { body, pattern }: HttpRule): DocumentedRoute {
  if (pattern.case === undefined || pattern.case === 'custom') throw new Error(`${method.name} has no path`);
  return { method, httpMethod: pattern.case.toUpperCase(), template: pattern.value, hasBody: body !== '', body };
}

function isService(value: unknown): value is DescService {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'service';
}

/** Such as `flowise`. */
export function dialectOf({ method }: DocumentedRoute): string {
  return method.parent.typeName.split('.')[0] ?? '';
}

/** A path of the route below its dialect's mount prefix, such as `/flowise/api/v1/credentials`; `values` fill its variables. */
export function pathOf(route: DocumentedRoute, values: Readonly<Record<string, string>>): string {
  const path = route.template.replaceAll(/\{(\w+)(?:=[^}]*)?\}/g, (_all, name: string) =>
    encodeURIComponent(values[name] ?? absentId),
  );
  return `/${dialectOf(route)}${path}`;
}
