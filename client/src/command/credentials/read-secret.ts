import { toJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { NotFoundError } from '../../errors/errors.ts';
import { AbsentCredentialError, CommandError } from '../errors/command-error.ts';
import type { Session } from '../context/context.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import { printable } from '../output/terminal-text.ts';
import { isCredentialId } from './credential-query.ts';

/** Which secret is revealed. */
export interface SecretRequest {
  /** The id or the name of the credential. */
  readonly reference: string;
  /** The whole secret if undefined. */
  readonly field?: string | undefined;
  /** The current one if undefined. */
  readonly version?: number | undefined;
  /** For the audit trail. */
  readonly purpose?: string | undefined;
}

/** A secret, or a field of one. */
export interface RevealedSecret {
  readonly credentialId: string;
  readonly version: number;
  /** The fields of the secret, if no field was requested. */
  readonly secret?: JsonObject;
  /** The field that was requested. */
  readonly value?: JsonValue;
}

/** Reveals a secret by one call. */
export async function readSecret(session: Session, request: SecretRequest): Promise<RevealedSecret> {
  try {
    return await (isCredentialId(request.reference) ? revealById(session, request) : resolveByName(session, request));
  } catch (error) {
    throw error instanceof NotFoundError ? new AbsentCredentialError(request.reference) : error;
  }
}

async function resolveByName(
  { coffer, workspaceId }: Session,
  { reference: name, field = '', version = 0, purpose = '' }: SecretRequest,
): Promise<RevealedSecret> {
  const { secret, value, ...found } = await coffer.secrets.resolveSecret({
    workspaceId,
    name,
    field,
    version,
    purpose,
  });
  return {
    credentialId: found.credentialId,
    version: found.version,
    ...(value === undefined ? { secret: secret ?? {} } : { value: toJson(ValueSchema, value) }),
  };
}

async function revealById(
  { coffer, workspaceId }: Session,
  { reference: credentialId, field, version = 0, purpose = '' }: SecretRequest,
): Promise<RevealedSecret> {
  const revealed = await coffer.secrets.revealSecret({ workspaceId, credentialId, version, purpose });
  const secret = revealed.secret ?? {};
  const content = field === undefined ? { secret } : { value: fieldOf(secret, field) };
  return { credentialId, version: revealed.version, ...content };
}

function fieldOf(secret: JsonObject, field: string): JsonValue {
  const value = Object.hasOwn(secret, field) ? secret[field] : undefined;
  if (value !== undefined) return value;
  throw new CommandError(exitCodes.absent, `the secret has no field ${printable(field)}`);
}
