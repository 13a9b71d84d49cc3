import { expect } from 'chai';
import { blankMarker, entities, objectOf, startFlowise, type FlowiseTest } from './flowise-test.ts';
import { AxiosError, FlowiseUiClient } from './ui-client.ts';

describe("flowise: the user interface's client", () => {
  let flowise: FlowiseTest;
  let token: string;

  before(async () => {
    flowise = await startFlowise();
    // A key that was issued for no dialect: what the client sends is all there is to recognise it by.
    token = await flowise.coffer.issueKey({ role: 'EDITOR' });
  });
  after(() => flowise.coffer.stop());

  for (const [where, prefix] of [
    ['at the documented path', ''],
    ['below the mount prefix', '/flowise'],
  ] as const) {
    for (const [how, bodiless] of [
      ['no body and a JSON content type', 'no_body'],
      ['empty JSON bodies', 'empty_body'],
    ] as const) {
      it(`stores, edits and removes a credential ${where}, with ${how} on GET and DELETE`, async () => {
        const client = new FlowiseUiClient(flowise.coffer.origin + prefix, token, bodiless);

        // The page of credentials, and the choice of a component.
        const before = entities((await client.getAllCredentials()).data);
        const component = entities((await client.getAllComponentsCredentials()).data).find(
          ({ name }) => name === 'upstashRedisApi',
        );
        const inputs = entities(component?.['inputs']).map(({ name }) => String(name));

        // The dialog fills in each input, and sends plainDataObj.
        const values = ['https://redis.example', 'a-token'];
        const plainDataObj = Object.fromEntries(inputs.map((name, index) => [name, values[index]]));
        const created = await client.createCredential({
          name: 'cache',
          credentialName: component?.['name'],
          plainDataObj,
        });
        expect(created.status).to.equal(200);
        const id = String(objectOf(created.data)['id']);
        expect(entities((await client.getAllCredentials()).data)).to.have.length(before.length + 1);

        // A node's list of what it may use.
        const usable = entities((await client.getCredentialsByName(['redisCacheUrlApi', 'upstashRedisApi'])).data);
        expect(usable.map((credential) => credential['id'])).to.include(id);

        // The same dialog for editing: shown, its component asked for, one value changed, all sent back.
        const shown = objectOf((await client.getSpecificCredential(id)).data);
        expect(shown['plainDataObj']).to.deep.equal({
          upstashConnectionUrl: 'https://redis.example',
          upstashConnectionToken: blankMarker,
        });
        const again = await client.getSpecificComponentCredential(String(shown['credentialName']));
        expect(again.data).to.deep.equal(component);
        const { plainDataObj: revealed } = objectOf((await client.revealCredential(id)).data);
        expect(revealed).to.deep.equal({
          upstashConnectionUrl: 'https://redis.example',
          upstashConnectionToken: blankMarker,
        });
        const edited = { ...objectOf(revealed), upstashConnectionUrl: 'https://other.example' };
        const sent = { name: 'renamed', credentialName: shown['credentialName'], plainDataObj: edited };
        expect((await client.updateCredential(id, sent)).status).to.equal(200);
        expect(await flowise.secretOf(id)).to.deep.equal({
          upstashConnectionUrl: 'https://other.example',
          upstashConnectionToken: 'a-token',
        });

        expect((await client.deleteCredential(id)).data).to.deep.equal({ raw: [], affected: 1 });
        const gone = await client.getSpecificCredential(id).catch((error: unknown) => error);
        expect(gone).to.be.instanceOf(AxiosError);
        // The snackbar shows message.
        if (gone instanceof AxiosError) {
          expect(gone.response.status).to.equal(404);
          expect(objectOf(gone.response.data)['message']).to.include(`Credential ${id} not found`);
        }
      });
    }
  }

  it('gets a body for its useless key that requests no refresh', async () => {
    const client = new FlowiseUiClient(flowise.coffer.origin, 'cof_wrong', 'no_body');
    const refused = await client.getAllCredentials().catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(AxiosError);
    if (refused instanceof AxiosError) {
      expect(refused.response).to.deep.equal({ status: 401, data: { error: 'Unauthorized Access' } });
    }
  });
});
