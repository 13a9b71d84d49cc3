import type { DescEnum, DescField, DescMessage } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import assert from 'node:assert/strict';
import { isJsonObject, sameJson, type JsonObject, type JsonValue } from '../../vault/json.ts';
import type { RestStyle } from '../contract/dialect.ts';
import type { Documentation, MemberNote } from '../contract/documentation.ts';
import { isRequiredField, isSecretField, wireNameOf } from '../routes/message-fields.ts';
import { splitComment, facetsOf, scalarSchema, wellKnownSchema } from './field-schemas.ts';

/** Whether a message is sent or answered, on which its required and nullable members depend. */
export type Direction = 'request' | 'answer';

/** The component schemas of one document, created when they are first referred to. */
export interface ComponentSchemas {
  /** By name. */
  readonly schemas: JsonObject;
  /** A reference to the schema of a message; the schema itself for a well-known type with a special JSON form. */
  ofMessage(message: DescMessage, direction: Direction): JsonObject;
  /** The same for a body that holds some fields of its message. */
  ofBody(message: DescMessage, fields: readonly DescField[]): JsonObject;
  /** The schema of a field's value, without description and default. */
  ofValue(field: DescField, direction: Direction): JsonObject;
}

/** What determines the form of the schemas. */
export interface SchemaStyle {
  readonly rest: RestStyle;
  readonly documentation: Documentation;
  /** Messages that are both sent and answered; in requests their schemas are named `…Input`. */
  readonly bothWays: ReadonlySet<DescMessage>;
}

/** Creates an empty set of schemas. */
export function createComponentSchemas(style: SchemaStyle): ComponentSchemas {
  return new Components(style);
}

class Components implements ComponentSchemas {
  readonly #style: SchemaStyle;
  readonly #schemas = new Map<string, JsonObject>();

  constructor(style: SchemaStyle) {
    this.#style = style;
  }

  get schemas(): JsonObject {
    const { schemas = {} } = this.#style.documentation;
    return { ...Object.fromEntries(this.#schemas), ...schemas };
  }

  ofMessage(message: DescMessage, direction: Direction): JsonObject {
    const known = wellKnownSchema(message, this.#style.rest.json);
    if (known) return known;
    const name = this.#nameOf(message, direction);
    if (!this.#schemas.has(name)) {
      // Set before its members are described, since messages may be recursive.
      this.#schemas.set(name, {});
      this.#schemas.set(name, this.#ofFields(message, message.fields, direction));
    }
    return referTo(name);
  }

  ofBody(message: DescMessage, fields: readonly DescField[]): JsonObject {
    const schema = this.#ofFields(message, fields, 'request');
    return this.#enter(this.#nameOf(message, 'request'), schema) ?? schema;
  }

  #ofFields(message: DescMessage, fields: readonly DescField[], direction: Direction): JsonObject {
    const { documentation, rest } = this.#style;
    const required = fields.filter((field) => this.#isRequired(field, direction));
    const { text } = splitComment(documentation.comments?.[message.typeName]);
    return {
      type: 'object',
      ...(text && { description: text }),
      properties: Object.fromEntries(fields.map((field) => [this.#wireName(field), this.#ofMember(field, direction)])),
      ...(required.length > 0 && { required: required.map((field) => this.#wireName(field)) }),
      ...(direction === 'request' && rest.unknownMembers === 'refuse' && { additionalProperties: false }),
    };
  }

  ofValue(field: DescField, direction: Direction): JsonObject {
    const { default: _, ...value } = this.#patchedValue(field, direction);
    return value;
  }

  #ofMember(field: DescField, direction: Direction): JsonObject {
    const { default: preset, ...value } = this.#patchedValue(field, direction);
    const { behaviour, text } = splitComment(this.#style.documentation.comments?.[fullName(field)]);
    return {
      ...(this.#isNullable(field, direction) ? { anyOf: [value, { type: 'null' }] } : value),
      ...(text && { description: text }),
      ...(preset !== undefined && { default: preset }),
      ...(direction === 'request' && behaviour === 'Output only' && { readOnly: true }),
      ...(direction === 'request' && isSecretField(field) && { writeOnly: true }),
      ...(field.proto.options?.deprecated && { deprecated: true }),
    };
  }

  #patchedValue(field: DescField, direction: Direction): JsonObject {
    const value = this.#plainValue(field, direction);
    const { schema } = this.#noteOf(field);
    return this.#nameEnum(field, schema ? mergePatch(value, schema) : value);
  }

  #plainValue(field: DescField, direction: Direction): JsonObject {
    const { items, propertyNames, additionalProperties, ...facets } = facetsOf(field);
    const element = this.#element(field, direction);
    if (field.fieldKind === 'list') return { type: 'array', items: { ...element, ...objectOr(items) }, ...facets };
    if (field.fieldKind === 'map') {
      const values = { ...element, ...objectOr(additionalProperties) };
      return { type: 'object', additionalProperties: values, ...(propertyNames && { propertyNames }), ...facets };
    }
    const secret = isSecretField(field) && field.scalar !== undefined ? { format: 'password' } : {};
    return { ...element, ...facets, ...secret };
  }

  #element(field: DescField, direction: Direction): JsonObject {
    if (field.message) return this.ofMessage(field.message, direction);
    if (field.enum) return this.#ofEnum(field.enum);
    assert(field.scalar !== undefined);
    return scalarSchema(field.scalar, this.#style.rest.json);
  }

  /** Without the `UNSPECIFIED` value, which no answer has and no request needs. */
  #ofEnum(enumeration: DescEnum): JsonObject {
    const names = enumeration.values.map(({ name }) => name).filter((name) => !name.endsWith('UNSPECIFIED'));
    return this.#enter(localName(enumeration), { type: 'string', enum: names }) ?? { type: 'string', enum: names };
  }

  /** An enum of strings becomes a component named after its member: `AuthType` for `auth_type`, unless the name is taken. */
  #nameEnum(field: DescField, { enum: names, ...value }: JsonObject): JsonObject {
    if (names === undefined) return value;
    const schema = { ...value, enum: names };
    return (value['$ref'] === undefined && this.#enter(pascalCase(field.name), schema)) || schema;
  }

  #enter(name: string, schema: JsonObject): JsonObject | undefined {
    const other = this.#schemas.get(name);
    if (other && !sameJson(other, schema)) return undefined;
    this.#schemas.set(name, schema);
    return referTo(name);
  }

  #isRequired(field: DescField, direction: Direction): boolean {
    const { alwaysAnswered, required, schema } = this.#noteOf(field);
    if (required !== undefined) return required;
    if (direction === 'request') return isRequiredField(field);
    if (alwaysAnswered) return true;
    if (schema?.['default'] !== undefined || this.#isNullable(field, direction)) return false;
    return this.#style.rest.json.unset === 'null' || !hasPresence(field);
  }

  #isNullable(field: DescField, direction: Direction): boolean {
    const { documentation, rest } = this.#style;
    const { nullable, required } = this.#noteOf(field);
    if (nullable) return direction === 'answer';
    if (documentation.nulls === 'hidden' || rest.json.unset === 'omit' || !hasPresence(field)) return false;
    return !(required ?? (direction === 'request' && isRequiredField(field)));
  }

  #noteOf(field: DescField): MemberNote {
    const { members } = this.#style.documentation;
    return members?.[`${localName(field.parent)}.${field.name}`] ?? members?.[field.name] ?? {};
  }

  #nameOf(message: DescMessage, direction: Direction): string {
    const { bothWays, documentation } = this.#style;
    const name = documentation.schemaNames?.[localName(message)] ?? localName(message);
    return direction === 'request' && bothWays.has(message) ? `${name}Input` : name;
  }

  #wireName(field: DescField): string {
    return wireNameOf(field, this.#style.rest.json.names);
  }
}

function fullName(field: DescField): string {
  return `${field.parent.typeName}.${field.name}`;
}

/** The type name without its package: `State` in `Credential` is `CredentialState`. */
function localName({ typeName, file }: DescMessage | DescEnum): string {
  return typeName.slice(file.proto.package.length + 1).replaceAll('.', '');
}

function pascalCase(name: string): string {
  return name.replaceAll(/(?:^|_)([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}

function hasPresence(field: DescField): boolean {
  return field.presence === FeatureSet_FieldPresence.EXPLICIT;
}

function referTo(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}

function objectOr(value: JsonObject[string] | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** Applies a JSON merge patch: its members replace those of the object, and null removes them. @see RFC 7396 */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const members = new Map(Object.entries(target));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, patched(members.get(name), value));
  }
  return Object.fromEntries(members);
}

function patched(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  return isJsonObject(patch) ? mergePatch(isJsonObject(target) ? target : {}, patch) : patch;
}
