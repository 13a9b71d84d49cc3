import type { DescMethod } from '@bufbuild/protobuf';
import type { JsonObject } from '../../vault/json.ts';

/** The parts of a dialect's API document that its descriptors do not define. @see https://spec.openapis.org/oas/v3.1.1.html */
export interface Documentation {
  readonly title: string;
  /** The comments of services, methods, messages and fields in the protos, by full name; generated with their code. */
  readonly comments?: Readonly<Record<string, string>>;
  /** The tags of services, by name; the default is the name. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly operationId?: (operation: DocumentedOperation) => string;
  /** The authentication methods, each of which is sufficient. */
  readonly securitySchemes?: Readonly<Record<string, JsonObject>>;
  /** Parameters of every rpc that acts in a workspace, mostly headers. */
  readonly parameters?: readonly JsonObject[];
  /** Parameters of every rpc that accepts request ids. */
  readonly mutationParameters?: readonly JsonObject[];
  /** The names of component schemas, by message name; the default is the message name. */
  readonly schemaNames?: Readonly<Record<string, string>>;
  /** Facts that the rules and the type of a field do not express, by `Message.field`, or by `field` for all messages. */
  readonly members?: Readonly<Record<string, MemberNote>>;
  /** Whether schemas show that a member may be null; the documents of some originals hide it. */
  readonly nulls?: 'shown' | 'hidden';
  /** Wraps the schema of an answer. */
  readonly envelope?: (answer: JsonObject) => JsonObject;
  /** The documented refusals of a method. */
  readonly errors?: (method: DescMethod) => readonly DocumentedError[];
  /** The refusals of every route that has a body. */
  readonly bodyErrors?: readonly DocumentedError[];
  /** Schemas that the refusals refer to. */
  readonly schemas?: Readonly<Record<string, JsonObject>>;
}

/** A way to call an rpc, as its document shows it. */
export interface DocumentedOperation {
  readonly method: DescMethod;
  readonly httpMethod: string;
  readonly path: string;
}

/** Facts about a member. */
export interface MemberNote {
  /** Whether requests must contain it, and answers always do. */
  readonly required?: boolean;
  /** Whether answers always contain it, although requests need not. */
  readonly alwaysAnswered?: boolean;
  /** Whether answers may contain null for it, regardless of `nulls`. */
  readonly nullable?: boolean;
  /** A JSON merge patch of the schema of its field, in which null removes a member. */
  readonly schema?: JsonObject;
}

/** A documented refusal. */
export interface DocumentedError {
  readonly status: number;
  readonly description: string;
  /** The schema of its JSON body; by default the body is not described. */
  readonly schema?: JsonObject;
}
