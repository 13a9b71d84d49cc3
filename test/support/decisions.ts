import { fromBinary } from '@bufbuild/protobuf';
import { ErrorInfoSchema, type ErrorInfo } from '../../gen/google/rpc/error_details_pb.ts';
import type { Access } from '../../src/gateway/contract/bound-rpc.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/vault/json.ts';
import { permits, type Role } from '../../src/vault/permissions.ts';

/** What became of a call before its handler was asked. REST does not always show why it is refused. */
export type Decision = 'let in' | 'nobody' | 'lacks the permission' | 'lacks the workspace' | 'refused' | 'failed';

/** A caller of the matrix. */
export interface MatrixCaller {
  readonly title: string;
  /** Undefined for nobody. */
  readonly token: string | undefined;
  /** The caller's role in their own workspace. */
  readonly grant: { readonly role: Role; readonly mayReveal: boolean; readonly keyScope?: object } | undefined;
  readonly isOwner: boolean;
}

/** An answer, read whole. */
export interface MatrixAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * What must become of a call; undefined where the core decides it by itself.
 *
 * @param isInReach whether the call acts in the caller's own workspace
 */
export function expectedDecision(access: Access, caller: MatrixCaller, isInReach: boolean): Decision | undefined {
  if (access.kind === 'public') return 'let in';
  if (caller.token === undefined) return 'nobody';
  if (access.kind === 'authenticated') return undefined;
  if (access.kind === 'owner') return caller.isOwner ? 'let in' : 'lacks the permission';
  const isPermitted = caller.grant !== undefined && permits(caller.grant, access.permission);
  // An rpc's gate refuses a caller who may make the call in no workspace, before it is known which one is meant.
  if (!isPermitted) return 'lacks the permission';
  if (isInReach) return 'let in';
  return access.deniesAbsentWorkspace ? 'lacks the permission' : 'lacks the workspace';
}

/** What became of a call by Connect with JSON. */
export function decisionOfRpc({ status, text }: MatrixAnswer): Decision {
  if (status === 200) return 'let in';
  const body = objectOf(text);
  const code = body['code'];
  const info = errorInfoOf(body);
  if (info?.reason === 'PASSWORD_WRONG') return 'let in';
  if (code === 'unauthenticated') return 'nobody';
  // A key that is limited is refused by the core.
  if (info?.reason === 'KEY_NARROWED') return 'let in';
  if (code === 'permission_denied') {
    return info?.reason === 'WORKSPACE_DENIED' ? 'lacks the workspace' : 'lacks the permission';
  }
  if (code === 'not_found' && info?.metadata['resource'] === 'workspace') return 'lacks the workspace';
  return status >= 500 || code === 'internal' || code === 'unknown' ? 'failed' : 'let in';
}

/** What became of a call by REST: the native API alone answers a workspace that is out of reach as absent. */
export function decisionOfRest(access: Access, { status, text }: MatrixAnswer): Decision {
  // Where anybody may call, it is about a password.
  if (status === 401) return access.kind === 'public' ? 'let in' : 'nobody';
  if (status === 403) return 'refused';
  if (status >= 500) return 'failed';
  const isWorkspaceAbsent = status === 404 && errorInfoOf(objectOf(text))?.metadata['resource'] === 'workspace';
  return isWorkspaceAbsent ? 'refused' : 'let in';
}

/** The same decision as REST shows it. */
export function asShownByRest(decision: Decision | undefined): Decision | undefined {
  return decision?.startsWith('lacks') ? 'refused' : decision;
}

/** An answer without the names that its request held, those in the base64 of an error's details, too. */
export function withoutNames({ status, text }: MatrixAnswer, names: readonly string[]): MatrixAnswer {
  const readable = text.replaceAll(/"value":"([A-Za-z0-9+/]+)"/g, (_all, base64: string) =>
    JSON.stringify(Buffer.from(base64, 'base64').toString('latin1')),
  );
  return { status, text: names.reduce((rest, name) => rest.replaceAll(name, '…'), readable) };
}

function errorInfoOf({ details }: JsonObject): ErrorInfo | undefined {
  const [first]: readonly JsonValue[] = Array.isArray(details) ? details : [];
  const value = isJsonObject(first) ? first['value'] : undefined;
  return typeof value === 'string' ? fromBinary(ErrorInfoSchema, Buffer.from(value, 'base64')) : undefined;
}

function objectOf(text: string): JsonObject {
  const value: JsonValue = JSON.parse(text);
  return isJsonObject(value) ? value : {};
}
