import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  CreateCredentialRequest,
  CredentialDetailSchema,
  CredentialSchema,
  CredentialSummarySchema,
  RevealCredentialResponseSchema,
  UpdateCredentialRequest,
} from '../../../gen/flowise/v1/credential_service_pb.ts';
import { mayReveal, type Call } from '../../vault/caller.ts';
import { draftDefaults, type CredentialDraft } from '../../vault/credentials/credential-rules.ts';
import type { CredentialChange } from '../../vault/credentials/credential-change.ts';
import type {
  DescribedSecret,
  RevealedSecret,
  SealedCredential,
} from '../../vault/credentials/credential-decisions.ts';
import type { Credential } from '../../vault/credentials/credential.ts';
import { invalidArgument } from '../../vault/errors.ts';
import { sameJson, type JsonObject } from '../../vault/json.ts';
import { findProvider, spellingsOf } from '../shared/provider-catalogue.ts';
import { Secret } from '../../vault/secret.ts';
import type { SecretChange } from '../../vault/credentials/secret-change.ts';
import { toStruct, toTimestamp } from '../shared/well-known-types.ts';
import { blankValues, flowiseName, mergedOver, replacedBy, showAddresses, withoutMarkers } from './redaction.ts';

/** What a request asks to be stored. */
export interface FlowiseDraft {
  readonly draft: CredentialDraft;
  readonly secret: Secret;
  /** How it is stored where the given id exists already. */
  readonly merge: SecretChange;
}

/** What a request asks to be changed. */
export interface FlowiseChange {
  readonly change: CredentialChange;
  /** Undefined where no data were sent. */
  readonly secret: SecretChange | undefined;
}

interface SentData {
  readonly credentialData?: JsonObject | undefined;
  readonly plainDataObj?: JsonObject | undefined;
}

/**
 * Reads what is to be stored.
 *
 * @throws VaultError `invalid_argument` for `credentialData`, where there are no data or two different ones
 */
export function draftFromRequest(request: CreateCredentialRequest): FlowiseDraft {
  const sent = dataOf(request);
  const data = sent && withoutMarkers(sent);
  const names = Object.keys(data ?? {});
  // A component without parameters sends an empty object; markers alone are no data.
  if (!data || (names.length === 0 && Object.keys(sent).length > 0))
    throw invalidArgument('credentialData', 'not provided!');
  // Flowise does not say what kind of proof the data are; a single value is nearly always a key.
  const authType = names.length === 1 ? 'api_key' : 'custom';
  const draft = { ...draftDefaults, name: request.name, provider: request.credentialName, authType };
  return { draft, secret: new Secret(data), merge: replacedBy({ sent, provider: request.credentialName }) };
}

/**
 * Reads what is to be changed.
 *
 * @throws VaultError `invalid_argument` for `credentialData`, where there are two different ones
 */
export function changeFromRequest(request: UpdateCredentialRequest): FlowiseChange {
  const sent = dataOf(request);
  const { name, credentialName } = request;
  return {
    change: { ...(name !== undefined && { name }), ...(credentialName !== undefined && { provider: credentialName }) },
    secret: sent && mergedOver({ sent, provider: credentialName }),
  };
}

/** The spellings of the providers that a list for some components may be of; undefined where it is not limited. */
export function providersFor(credentialNames: readonly string[]): readonly string[] | undefined {
  const wanted = credentialNames.filter((name) => name !== '');
  if (wanted.length === 0) return undefined;
  const known = wanted.flatMap((name) => {
    const provider = findProvider(name);
    return provider ? spellingsOf(provider) : [];
  });
  return [...new Set([...wanted, ...known])];
}

/** Tells whether a credential is for one of some components: by its name, or where another dialect made it, by the provider. */
export function isFor(credentialNames: readonly string[], { origin, provider }: Credential): boolean {
  if (credentialNames.includes(provider)) return true;
  const known = origin === flowiseName ? undefined : findProvider(provider);
  return known !== undefined && credentialNames.some((name) => findProvider(name) === known);
}

/** Shows a credential that was just created as Flowise's database entity, with its sealed bytes. */
export function createdToEntity({ credential, version }: SealedCredential): MessageInitShape<typeof CredentialSchema> {
  return { ...entityOf(credential), encryptedData: version.sealed };
}

/**
 * Shows a credential that was there before, and may hold values that its caller did not send. The number of its sealed bytes tells
 * about how long they are, so that they are left empty for callers who may not reveal.
 */
export function changedToEntity(sealed: SealedCredential, call: Call): MessageInitShape<typeof CredentialSchema> {
  return mayReveal(call)
    ? createdToEntity(sealed)
    : { ...entityOf(sealed.credential), encryptedData: new Uint8Array() };
}

/** Shows a credential in a list. */
export function summaryOf(credential: Credential): MessageInitShape<typeof CredentialSummarySchema> {
  return entityOf(credential);
}

/** Shows a credential with its plain values, and the names of the others. */
export function detailOf(described: DescribedSecret): MessageInitShape<typeof CredentialDetailSchema> {
  const { credential, fieldNames, plainFields } = described;
  return { ...entityOf(credential), plainDataObj: { ...blankValues(fieldNames), ...toStruct(plainFields) } };
}

/** Shows what may be seen of a secret. */
export function revealedOf({
  credential,
  secret,
}: RevealedSecret): MessageInitShape<typeof RevealCredentialResponseSchema> {
  return { plainDataObj: toStruct(showAddresses(credential.provider, secret)) };
}

function entityOf(credential: Credential) {
  return {
    name: credential.name,
    credentialName: credential.provider,
    workspaceId: credential.workspaceId,
    id: credential.id,
    createdDate: toTimestamp(credential.createdAt),
    updatedDate: toTimestamp(credential.updatedAt),
  };
}

function dataOf({ credentialData, plainDataObj }: SentData): JsonObject | undefined {
  if (credentialData && plainDataObj && !sameJson(credentialData, plainDataObj)) {
    throw invalidArgument('credentialData', 'and plainDataObj differ!');
  }
  return credentialData ?? plainDataObj;
}
