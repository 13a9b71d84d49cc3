import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  CreateCredentialRequest,
  Credential as CredentialMessage,
  CredentialDetailSchema,
  CredentialSchema,
  CredentialSummarySchema,
  RevealCredentialResponseSchema,
  UpdateCredentialRequest,
} from '../../../gen/flowise/v1/credential_service_pb.ts';
import { mayReveal, type Call } from '../../vault/caller.ts';
import type { CredentialChange, SecretChange } from '../../vault/credentials/credential-change.ts';
import type { DescribedSecret, RevealedSecret } from '../../vault/credentials/reveal-decisions.ts';
import type { SealedCredential } from '../../vault/credentials/credential-decisions.ts';
import { draftDefaults } from '../../vault/credentials/credential-rules.ts';
import type { Credential, CredentialDraft } from '../../vault/credentials/credential.ts';
import { invalidArgument } from '../../vault/errors.ts';
import { sameJson, type JsonObject } from '../../vault/json.ts';
import { Secret } from '../../vault/secret.ts';
import { findProvider, spellingsOf } from '../shared/provider-catalogue.ts';
import { toStruct, toTimestamp } from '../shared/well-known-types.ts';
import { blankValues, dialectName, mergedOver, replacedBy, showUrls, withoutMarkers } from './secrets.ts';

/** What a create stores. */
export interface FlowiseDraft {
  readonly draft: CredentialDraft;
  readonly secret: Secret;
  /** How the data are stored where the given id exists already. */
  readonly merge: SecretChange;
}

/** What an update changes. */
export interface FlowiseChange {
  readonly change: CredentialChange;
  /** Undefined where the request has no data. */
  readonly secret: SecretChange | undefined;
}

interface SentData {
  readonly credentialData?: JsonObject | undefined;
  readonly plainDataObj?: JsonObject | undefined;
}

/** @throws VaultError `invalid_argument` for `credentialData`, where there are no data or two different ones */
export function draftFromRequest(request: CreateCredentialRequest): FlowiseDraft {
  const sent = dataOf(request);
  const data = sent && withoutMarkers(sent);
  const names = Object.keys(data ?? {});
  // A component without parameters sends an empty object; an object of markers only counts as no data.
  if (!data || (names.length === 0 && Object.keys(sent).length > 0))
    throw invalidArgument('credentialData', 'not provided!');
  // A Flowise request has no auth type; a single value is nearly always an API key.
  const authType = names.length === 1 ? 'api_key' : 'custom';
  const draft = { ...draftDefaults, name: request.name, provider: request.credentialName, authType };
  return { draft, secret: new Secret(data), merge: replacedBy({ sent, provider: request.credentialName }) };
}

/** @throws VaultError `invalid_argument` for `credentialData`, where the request has two different ones */
export function changeFromRequest(request: UpdateCredentialRequest): FlowiseChange {
  const sent = dataOf(request);
  const { name, credentialName } = request;
  return {
    change: { ...(name !== undefined && { name }), ...(credentialName !== undefined && { provider: credentialName }) },
    secret: sent && mergedOver({ sent, provider: credentialName }),
  };
}

/** All spellings of the providers to which a list is limited by component names; undefined where it is not limited. */
export function providersFor(credentialNames: readonly string[]): readonly string[] | undefined {
  const wanted = credentialNames.filter((name) => name !== '');
  if (wanted.length === 0) return undefined;
  const known = wanted.flatMap((name) => {
    const provider = findProvider(name);
    return provider ? spellingsOf(provider) : [];
  });
  return [...new Set([...wanted, ...known])];
}

/** Whether a credential is for one of the components: by its name, or where another dialect created it, by its provider. */
export function isFor(credentialNames: readonly string[], { origin, provider }: Credential): boolean {
  if (credentialNames.includes(provider)) return true;
  const known = origin === dialectName ? undefined : findProvider(provider);
  return known !== undefined && credentialNames.some((name) => findProvider(name) === known);
}

/** Converts a credential that the call created to Flowise's database entity, with its ciphertext. */
export function createdToMessage({ credential, version }: SealedCredential): MessageInitShape<typeof CredentialSchema> {
  return { ...entityOf(credential), encryptedData: version.sealed };
}

/**
 * Converts a credential that existed before the call. Its ciphertext reveals about how long the values are that the caller did
 * not send, so that it is empty for callers who may not reveal.
 */
export function changedToMessage(sealed: SealedCredential, call: Call): MessageInitShape<typeof CredentialSchema> {
  return mayReveal(call)
    ? createdToMessage(sealed)
    : { ...entityOf(sealed.credential), encryptedData: new Uint8Array() };
}

/** Replaces the ciphertext of an answer by the number of its version, for an answer that is kept for repetitions. */
export function keptOf(shown: CredentialMessage, version: number): MessageInitShape<typeof CredentialSchema> {
  return { ...shown, encryptedData: Buffer.from(shown.encryptedData.length > 0 ? String(version) : '') };
}

/** The version in such an answer; undefined if no ciphertext was shown. */
export function keptVersionOf({ encryptedData }: CredentialMessage): number | undefined {
  return encryptedData.length > 0 ? Number(Buffer.from(encryptedData).toString()) : undefined;
}

/** Converts a credential to an element of a list. */
export function summaryToMessage(credential: Credential): MessageInitShape<typeof CredentialSummarySchema> {
  return entityOf(credential);
}

/** Converts a credential with its plain values; the marker stands in place of the others. */
export function detailToMessage(described: DescribedSecret): MessageInitShape<typeof CredentialDetailSchema> {
  const { credential, fieldNames, plainFields } = described;
  return { ...entityOf(credential), plainDataObj: { ...blankValues(fieldNames), ...toStruct(plainFields) } };
}

/** Converts a revealed secret, of which Flowise's reveal shows only URLs. */
export function revealedToMessage(revealed: RevealedSecret): MessageInitShape<typeof RevealCredentialResponseSchema> {
  return { plainDataObj: toStruct(showUrls(revealed.credential.provider, revealed.secret)) };
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
