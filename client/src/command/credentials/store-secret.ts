import type { JsonObject } from '@bufbuild/protobuf';
import { CommandError, usageError } from '../errors/command-error.ts';
import type { Session } from '../context/context.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import { parseSecretInput } from '../input/secret-input.ts';
import { printable } from '../output/terminal-text.ts';
import type { Credential } from '../../gen/coffer/v1/credential_pb.ts';

/** The field of a new secret that consists of one unnamed value. */
const unnamedField = 'value';

/** Recorded in the audit trail for the reveal that keeps other fields. */
const purpose = 'coffer put keeps the other fields';

/** Metadata to set. */
export interface CredentialAttributes {
  readonly provider?: string;
  readonly subject?: string;
  readonly authType?: string;
  readonly description?: string;
  readonly tags?: string[];
  readonly labels?: Record<string, string>;
}

/** The names of the attributes in an update mask. */
const maskPaths: Readonly<Record<keyof CredentialAttributes, string>> = {
  provider: 'provider',
  subject: 'subject',
  authType: 'auth_type',
  description: 'description',
  tags: 'tags',
  labels: 'labels',
};

/** What is stored, and where. */
export interface SecretToStore {
  /** The name of a new credential. */
  readonly name: string;
  /** The credential that gets a new version. */
  readonly existing: Credential | undefined;
  readonly field: string | undefined;
  readonly text: string;
  readonly attributes: CredentialAttributes;
  /** Whether the other fields of the secret are dropped. */
  readonly replace: boolean;
}

/**
 * Creates a credential, or adds a version to it.
 *
 * The version is added only if the credential has not changed since it was found, so that no change of another caller is lost.
 */
export async function storeSecret(session: Session, request: SecretToStore): Promise<Credential> {
  return request.existing === undefined ? create(session, request) : change(session, request.existing, request);
}

async function create({ coffer, workspaceId }: Session, { name, field, text, attributes }: SecretToStore) {
  const secret = wholeSecret(field, text) ?? { [unnamedField]: text };
  const { credential } = await coffer.credentials.createCredential({
    workspaceId,
    credential: { name, ...attributes },
    secret,
  });
  return credential ?? incomplete();
}

async function change(session: Session, found: Credential, request: SecretToStore): Promise<Credential> {
  const { coffer, workspaceId } = session;
  const secret = await changedSecret(session, found, request);
  const { etag } = await setAttributes(session, found, request.attributes);
  const added = await coffer.secrets.addSecretVersion({ workspaceId, credentialId: found.id, secret, etag });
  return added.credential ?? incomplete();
}

async function setAttributes(
  session: Session,
  found: Credential,
  attributes: CredentialAttributes,
): Promise<Credential> {
  const paths = Object.entries(maskPaths).flatMap(([name, path]) => (Object.hasOwn(attributes, name) ? [path] : []));
  if (paths.length === 0) return found;
  const { coffer, workspaceId } = session;
  const { id: credentialId, etag } = found;
  const update = { workspaceId, credentialId, credential: attributes, updateMask: { paths }, etag };
  const { credential } = await coffer.credentials.updateCredential(update);
  return credential ?? incomplete();
}

async function changedSecret(session: Session, found: Credential, request: SecretToStore): Promise<JsonObject> {
  const { field, text, replace } = request;
  const whole = wholeSecret(field, text);
  if (whole !== undefined && (replace || field === undefined)) return whole;
  if (replace) return { [unnamedField]: text };
  const current = await reveal(session, found.id);
  if (field !== undefined) return { ...current, [field]: text };
  const [only, ...others] = Object.keys(current);
  if (only !== undefined && others.length === 0) return { [only]: text };
  const names = Object.keys(current).map(printable).join(', ');
  throw usageError(`the secret has the fields ${names}: name one, enter a JSON object, or add --replace`);
}

/** The secret that the input states entirely; undefined for a value without the name of its field. */
function wholeSecret(field: string | undefined, text: string): JsonObject | undefined {
  if (field !== undefined) return { [field]: text };
  const input = parseSecretInput(text);
  return 'secret' in input ? input.secret : undefined;
}

async function reveal({ coffer, workspaceId }: Session, credentialId: string): Promise<JsonObject> {
  const { secret } = await coffer.secrets.revealSecret({ workspaceId, credentialId, purpose });
  return secret ?? {};
}

function incomplete(): never {
  throw new CommandError(exitCodes.error, 'the response of the server has no credential');
}
