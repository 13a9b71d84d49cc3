/** JSON as it is parsed. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** A JSON object. */
export type JsonRecord = { readonly [name: string]: Json };

/** The calls that running a command needs. */
export type VaultMethod = 'SecretService/BatchRevealSecrets' | 'CredentialService/ListCredentials';

/** Calls of one Coffer. */
export interface VaultCalls {
  /** The workspace of the user's settings. */
  readonly workspace: string;
  /**
   * Makes a call with a message in proto3 JSON, by the names of the proto.
   *
   * @throws CofferError
   */
  call(method: VaultMethod, request: JsonRecord): Promise<JsonRecord>;
}

/** Whether a value of a response is an object. */
export function isRecord(value: Json | undefined): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The objects of a list; what is absent is empty, as in proto3. */
export function recordsOf(value: Json | undefined): readonly JsonRecord[] {
  const list: readonly Json[] = Array.isArray(value) ? value : [];
  return list.filter((each) => isRecord(each));
}

/** A text; what is absent is empty, as in proto3. */
export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
