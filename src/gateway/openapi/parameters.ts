import type { DescField, DescMessage } from '@bufbuild/protobuf';
import type { JsonObject } from '../../vault/json.ts';
import type { Dialect } from '../contract/dialect.ts';
import { findField, isRequiredField, resolveFieldPath, wireNameOf } from '../routes/message-fields.ts';
import type { Origins } from '../messages/request-reader.ts';
import type { Route } from '../routes/route-table.ts';
import { isTextField } from '../messages/text-values.ts';
import { splitComment } from './comments.ts';
import type { ComponentSchemas } from './component-schemas.ts';

/** The parameters of a route: its path's variables, its query's, and the headers that it takes. */
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
  return [...ofPath, ...ofQuery, ...ofHeaders, ...ofWorkspace];
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

/** Every field of the query that text can stand for; those of nested messages behind a dot. */
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
