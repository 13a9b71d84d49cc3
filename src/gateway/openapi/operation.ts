import type { DescField, DescMessage } from '@bufbuild/protobuf';
import type { JsonObject } from '../../vault/json.ts';
import { isStream } from '../contract/bound-rpc.ts';
import type { Dialect } from '../contract/dialect.ts';
import { needsBody, originsOf, type Origins } from '../messages/request-reader.ts';
import { isTextField } from '../messages/text-values.ts';
import { findField, isRequiredField, resolveFieldPath, wireNameOf } from '../routes/message-fields.ts';
import type { Route } from '../routes/route-table.ts';
import type { ComponentSchemas } from './component-schemas.ts';
import { splitComment } from './field-schemas.ts';

/**
 * Describes the request and the answers of one route.
 *
 * @param ordinal the position among the routes of its rpc, from 1
 */
export function operationOf(route: Route, ordinal: number, components: ComponentSchemas): JsonObject {
  const { dialect, httpMethod, rpc } = route;
  const { method } = rpc;
  const { comments, operationId, tags } = dialect.documentation ?? {};
  const description = comments?.[`${method.parent.typeName}.${method.name}`];
  const origins = originsOf(route);
  const parameters = parametersOf(route, origins, components);
  const ownId = operationId?.({ method, httpMethod, path: documentedPath(route) });
  return {
    tags: [tags?.[method.parent.name] ?? method.parent.name],
    summary: method.name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, ' '),
    ...(description && { description }),
    operationId: ownId ?? `${method.parent.name}_${method.name}${ordinal > 1 ? `_${ordinal}` : ''}`,
    ...(parameters.length > 0 && { parameters }),
    ...requestBody(route, origins, components),
    responses: { ...success(route, components), ...refusals(route) },
    security: rpc.access.kind === 'public' ? [] : securityOf(dialect),
    ...(method.proto.options?.deprecated && { deprecated: true }),
  };
}

/** A route's path as OpenAPI writes it: `{name}` for `{name=**}`. */
export function documentedPath({ path }: Route): string {
  return path.replaceAll(/\{([^{}=]+)=[^{}]*\}/g, '{$1}');
}

function requestBody(route: Route, origins: Origins, components: ComponentSchemas): JsonObject {
  const { body, rpc } = route;
  if (body.kind === 'none') return {};
  const schema =
    body.kind === 'field'
      ? components.ofValue(body.field, 'request')
      : components.ofBody(rpc.method.input, origins.body);
  return { requestBody: { required: needsBody(route, origins), content: asJson(schema) } };
}

function success({ dialect, responseField, rpc }: Route, components: ComponentSchemas): JsonObject {
  const schema = responseField
    ? components.ofValue(responseField, 'answer')
    : components.ofMessage(rpc.method.output, 'answer');
  const content = isStream(rpc)
    ? { 'text/event-stream': { schema } }
    : asJson(dialect.documentation?.envelope?.(schema) ?? schema);
  return { [dialect.rest.successStatus[rpc.method.name] ?? 200]: { description: 'Successful Response', content } };
}

function refusals({ body, dialect: { documentation }, rpc }: Route): JsonObject {
  const ofBody = body.kind === 'none' ? [] : (documentation?.bodyErrors ?? []);
  const errors = [...(documentation?.errors?.(rpc.method) ?? []), ...ofBody];
  return Object.fromEntries(
    errors.map(({ status, description, schema }) => [
      String(status),
      { description, ...(schema && { content: asJson(schema) }) },
    ]),
  );
}

/** Any one of the schemes is sufficient. */
function securityOf({ documentation }: Dialect): JsonObject[] {
  return Object.keys(documentation?.securitySchemes ?? {}).map((name) => ({ [name]: [] }));
}

function asJson(schema: JsonObject): JsonObject {
  return { 'application/json': { schema } };
}

/** The parameters of a route in its path, its query and its headers. */
export function parametersOf(route: Route, origins: Origins, components: ComponentSchemas): readonly JsonObject[] {
  const { dialect, rpc, template } = route;
  const describe = (place: Place, field: DescField): JsonObject => parameter(place, field, dialect, components);
  const ofPath = template.variables.flatMap(({ fieldPath }) => {
    const field = resolveFieldPath(rpc.method.input, fieldPath)?.last;
    return field ? [describe({ name: fieldPath, in: 'path', required: true }, field)] : [];
  });
  const ofQuery = queryFields(dialect, origins.query).map(({ name, field, isRequired }) =>
    describe({ name, in: 'query', required: isRequired }, field),
  );
  const ofHeaders = Object.entries(dialect.rest.fieldsByHeader ?? {}).flatMap(([name, fieldName]) => {
    const field = findField(rpc.method.input, fieldName);
    return field ? [describe({ name, in: 'header', required: false }, field)] : [];
  });
  const ofWorkspace = rpc.access.kind === 'workspace' ? (dialect.documentation?.parameters ?? []) : [];
  const isRepeatable = !isStream(rpc) && rpc.repetition !== undefined;
  const ofMutation = isRepeatable ? (dialect.documentation?.mutationParameters ?? []) : [];
  return [...ofPath, ...ofQuery, ...ofHeaders, ...ofWorkspace, ...ofMutation];
}

interface Place {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
}

interface QueryField {
  readonly name: string;
  readonly field: DescField;
  readonly isRequired: boolean;
}

/** The fields that the query can express; those of nested messages are written after a dot. */
function queryFields(dialect: Dialect, fields: readonly DescField[], above: readonly DescField[] = []): QueryField[] {
  return fields.flatMap((field) => {
    const trail = [...above, field];
    if (isTextField(field)) {
      const name = trail.map((step) => wireNameOf(step, dialect.rest.json.names)).join('.');
      return { name, field, isRequired: trail.every(isRequiredField) };
    }
    const { message } = field;
    const isNested = field.fieldKind === 'message' && message && !isWithin(message, above) && isOwn(message);
    return isNested ? queryFields(dialect, message.fields, trail) : [];
  });
}

function isWithin(message: DescMessage, above: readonly DescField[]): boolean {
  return above.some((field) => field.message === message);
}

function isOwn({ typeName }: DescMessage): boolean {
  return !typeName.startsWith('google.protobuf.');
}

function parameter(
  place: Place,
  field: DescField,
  { documentation }: Dialect,
  components: ComponentSchemas,
): JsonObject {
  const { text } = splitComment(documentation?.comments?.[`${field.parent.typeName}.${field.name}`]);
  return {
    name: place.name,
    in: place.in,
    required: place.required,
    ...(text && { description: text }),
    schema: components.ofValue(field, 'request'),
  };
}
