import type { DescMethod } from '@bufbuild/protobuf';
import type { JsonObject } from '../../vault/json.ts';

/** What the API document of a dialect says beyond its descriptors. @see https://spec.openapis.org/oas/v3.1.1.html */
export interface Documentation {
  readonly title: string;
  /** What the protos say of services, methods, messages and fields, by full name; it is generated beside their code. */
  readonly comments?: Readonly<Record<string, string>>;
  /** The tags of the services' operations, by the services' names; without one, the name is the tag. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly operationId?: (operation: DocumentedOperation) => string;
  /** How a caller proves who he is; each scheme is enough. */
  readonly securitySchemes?: Readonly<Record<string, JsonObject>>;
  /** Parameters of every rpc that acts in a workspace: headers, mostly. */
  readonly parameters?: readonly JsonObject[];
  /** How component schemas are called, by the names of their messages; without one, as the message. */
  readonly schemaNames?: Readonly<Record<string, string>>;
  /** What a field's rules and type do not tell, by `Message.field`, or by `field` for those of all messages. */
  readonly members?: Readonly<Record<string, MemberNote>>;
  /** Whether the schema of a member that may be null says so; hidden where the original's document keeps quiet of it. */
  readonly nulls?: 'shown' | 'hidden';
  /** What stands around the schema of an answer. */
  readonly envelope?: (answer: JsonObject) => JsonObject;
  /** The refusals worth telling, by method. */
  readonly errors?: (method: DescMethod) => readonly DocumentedError[];
  /** The refusals of every route that has a body. */
  readonly bodyErrors?: readonly DocumentedError[];
  /** Schemas that the errors refer to. */
  readonly schemas?: Readonly<Record<string, JsonObject>>;
}

/** One way to call an rpc, as its document shows it. */
export interface DocumentedOperation {
  readonly method: DescMethod;
  readonly httpMethod: string;
  readonly path: string;
}

/** What is told of one member. */
export interface MemberNote {
  /** Whether requests must, and answers always do hold it. */
  readonly required?: boolean;
  /** Whether requests need not, but answers always do hold it. */
  readonly alwaysAnswered?: boolean;
  /** Whether answers may hold null for it, whatever `nulls` says. */
  readonly nullable?: boolean;
  /** Changes the schema made of its field: a JSON merge patch, in which null takes away. */
  readonly schema?: JsonObject;
}

/** One refusal. */
export interface DocumentedError {
  readonly status: number;
  readonly description: string;
  /** Of its JSON body; without one nothing is said of it. */
  readonly schema?: JsonObject;
}
