import type { JsonObject } from '@bufbuild/protobuf';
import type { TestCoffer } from './coffer.ts';
import { textOf } from './json.ts';

/** Makes what a request needs, and answers its message as JSON. Secrets contain `sampleSecret`. */
export type MutationSample = (coffer: TestCoffer) => Promise<JsonObject>;

export const sampleSecret = 'never-in-a-record';

const workspace = '/v1/workspaces/default';
let count = 0;
const fresh = (): string => `sample ${(count += 1)}`;

async function credential(coffer: TestCoffer): Promise<string> {
  const body = { credential: { name: fresh(), provider: 'openai' }, secret: { api_key: sampleSecret } };
  return textOf(await coffer.native('POST', `${workspace}/credentials`, body), 'credential', 'id');
}

async function user(coffer: TestCoffer): Promise<string> {
  const body = { user: { name: fresh() }, password: sampleSecret };
  return textOf(await coffer.native('POST', '/v1/users', body), 'user', 'id');
}

const ofCredential: MutationSample = async (coffer) => ({
  workspace_id: 'default',
  credential_id: await credential(coffer),
});
const deleted: MutationSample = async (coffer) => {
  const id = await credential(coffer);
  await coffer.native('DELETE', `${workspace}/credentials/${id}`);
  return { workspace_id: 'default', credential_id: id };
};
const withTwoVersions: MutationSample = async (coffer) => {
  const id = await credential(coffer);
  await coffer.native('POST', `${workspace}/credentials/${id}/versions`, { secret: { key: sampleSecret } });
  return { workspace_id: 'default', credential_id: id };
};
const byId: MutationSample = async (coffer) => ({ credential_id: await credential(coffer) });
const inMiniflow: MutationSample = async (coffer) => ({
  ...(await byId(coffer)),
  workspace_id: coffer.defaultWorkspaceShortId,
});

/** A request of each rpc that changes something, by its full name. */
export const mutationSamples: Readonly<Record<string, MutationSample>> = {
  'coffer.v1.CredentialService.CreateCredential': async () => ({
    workspace_id: 'default',
    credential: { name: fresh(), tags: ['a', 'b'], labels: { z: '1', a: '2' } },
    secret: { z: sampleSecret, a: { deep: [1, null, true] } },
  }),
  'coffer.v1.CredentialService.UpdateCredential': async (coffer) => ({
    ...(await ofCredential(coffer)),
    credential: { description: fresh() },
    etag: '1',
  }),
  'coffer.v1.CredentialService.DeleteCredential': async (coffer) => ({ ...(await ofCredential(coffer)), etag: '1' }),
  'coffer.v1.CredentialService.ActivateCredential': ofCredential,
  'coffer.v1.CredentialService.DeactivateCredential': ofCredential,
  'coffer.v1.CredentialService.UndeleteCredential': async (coffer) => ({ ...(await deleted(coffer)), etag: '2' }),
  'coffer.v1.CredentialService.PurgeCredential': async (coffer) => ({ ...(await deleted(coffer)), etag: '2' }),
  'coffer.v1.CredentialService.BatchCreateCredentials': async () => ({
    workspace_id: 'default',
    requests: [
      { credential: { name: fresh(), tags: ['a'] }, secret: { key: sampleSecret } },
      { credential: { name: '' }, secret: { key: sampleSecret } },
    ],
  }),
  'coffer.v1.CredentialService.CopyCredential': async (coffer) => ({
    ...(await ofCredential(coffer)),
    destination_workspace_id: await coffer.createWorkspace(fresh()),
  }),
  'coffer.v1.CredentialService.MoveCredential': async (coffer) => ({
    ...(await ofCredential(coffer)),
    destination_workspace_id: await coffer.createWorkspace(fresh()),
    etag: '1',
  }),
  'coffer.v1.CredentialService.ReportLeak': async () => ({ value: `${sampleSecret}, leaked` }),
  'coffer.v1.SecretService.AddSecretVersion': async (coffer) => ({
    ...(await ofCredential(coffer)),
    secret: { key: sampleSecret },
    etag: '1',
  }),
  'coffer.v1.SecretService.RestoreSecretVersion': async (coffer) => ({
    ...(await withTwoVersions(coffer)),
    version: 1,
  }),
  'coffer.v1.SecretService.DestroySecretVersion': async (coffer) => ({
    ...(await withTwoVersions(coffer)),
    version: 1,
  }),
  'coffer.v1.AccessService.CreateApiKey': async () => ({ workspace_id: 'default', name: fresh(), role: 'VIEWER' }),
  'coffer.v1.AccessService.RevokeApiKey': async (coffer) => {
    const made = await coffer.native('POST', `${workspace}/apiKeys`, { name: fresh(), role: 'VIEWER' });
    return { workspace_id: 'default', api_key_id: textOf(made, 'api_key', 'id') };
  },
  'coffer.v1.AccessService.CreateUser': async () => ({ user: { name: fresh() }, password: sampleSecret }),
  'coffer.v1.AccessService.DeactivateUser': async (coffer) => ({ user_id: await user(coffer) }),
  'coffer.v1.WorkspaceService.CreateWorkspace': async () => ({ workspace: { name: fresh() } }),
  'coffer.v1.WorkspaceService.DeleteWorkspace': async (coffer) => {
    const name = fresh();
    return { workspace_id: await coffer.createWorkspace(name), name };
  },
  'coffer.v1.WorkspaceService.AddMember': async (coffer) => ({
    workspace_id: 'default',
    member: { user_id: await user(coffer), role: 'VIEWER' },
  }),
  'coffer.v1.WorkspaceService.RemoveMember': async (coffer) => {
    const userId = await user(coffer);
    await coffer.native('POST', `${workspace}/members`, { member: { user_id: userId, role: 'VIEWER' } });
    return { workspace_id: 'default', user_id: userId };
  },
  'flowise.v1.CredentialService.CreateCredential': async () => ({
    name: fresh(),
    credentialName: 'openAIApi',
    plainDataObj: { openAIApiKey: sampleSecret },
  }),
  'flowise.v1.CredentialService.UpdateCredential': async (coffer) => ({
    credentialId: await credential(coffer),
    name: fresh(),
    plainDataObj: { api_key: `${sampleSecret} anew` },
  }),
  'flowise.v1.CredentialService.DeleteCredential': byId,
  'fishnet.v1.CredentialService.CreateCredential': async () => ({
    service: 'openai',
    name: fresh(),
    key: sampleSecret,
  }),
  'fishnet.v1.CredentialService.DeleteCredential': byId,
  'mielto.v1.CredentialService.CreateCredential': async () => ({
    label: fresh(),
    auth_type: 'api_key',
    credential_type: 'llm',
    credential_scope: 'workspace',
    provider: 'openai',
    credentials: { api_key: sampleSecret },
  }),
  'mielto.v1.CredentialService.UpdateCredential': async (coffer) => ({ ...(await byId(coffer)), label: fresh() }),
  'mielto.v1.CredentialService.DeleteCredential': byId,
  'scale.v5.CredentialService.CreateCredential': async () => ({ type: 'key', name: fresh(), payload: sampleSecret }),
  'scale.v5.CredentialService.UpdateCredential': async (coffer) => ({ ...(await byId(coffer)), name: fresh() }),
  'scale.v5.CredentialService.DeleteCredential': byId,
  'miniflow.v1.CredentialService.CreateApiKeyCredential': async (coffer) => ({
    workspace_id: coffer.defaultWorkspaceShortId,
    name: fresh(),
    api_key: sampleSecret,
    provider: 'openai',
  }),
  'miniflow.v1.CredentialService.CreateSlackCredential': async (coffer) => ({
    workspace_id: coffer.defaultWorkspaceShortId,
    name: fresh(),
    bot_token: `xoxb-${sampleSecret}`,
  }),
  'miniflow.v1.CredentialService.UpdateCredential': async (coffer) => ({
    ...(await inMiniflow(coffer)),
    name: fresh(),
  }),
  'miniflow.v1.CredentialService.ActivateCredential': inMiniflow,
  'miniflow.v1.CredentialService.DeactivateCredential': inMiniflow,
  'miniflow.v1.CredentialService.DeleteCredential': inMiniflow,
};
