import { request } from 'node:http';

/** What axios answers with, or throws as `error.response`. */
export interface AxiosResponse {
  readonly status: number;
  readonly data: unknown;
}

/** A response outside of 2xx, as axios throws it. */
export class AxiosError extends Error {
  readonly response: AxiosResponse;

  constructor(response: AxiosResponse) {
    super(`Request failed with status code ${response.status}`);
    this.response = response;
  }
}

/**
 * Flowise's `packages/ui/src/api`, with axios as it is configured there: JSON as content type on every request, also without
 * a body; `x-request-from: internal`; the list without a slash at its end; repeated parameters.
 */
export class FlowiseUiClient {
  readonly #baseUrl: string;
  readonly #token: string;
  readonly #bodiless: 'no_body' | 'empty_body';

  /** @param bodiless whether a request without data still announces a body, of no bytes */
  constructor(origin: string, token: string, bodiless: 'no_body' | 'empty_body') {
    this.#baseUrl = `${origin}/api/v1`;
    this.#token = token;
    this.#bodiless = bodiless;
  }

  getAllCredentials = () => this.#send('GET', '/credentials');
  getCredentialsByName = (names: readonly string[]) =>
    this.#send('GET', `/credentials?credentialName=${names.join('&credentialName=')}`);
  getAllComponentsCredentials = () => this.#send('GET', '/components-credentials');
  getSpecificComponentCredential = (name: string) => this.#send('GET', `/components-credentials/${name}`);
  getSpecificCredential = (id: string) => this.#send('GET', `/credentials/${id}`);
  revealCredential = (id: string) => this.#send('GET', `/credentials/${id}/reveal`);
  createCredential = (body: object) => this.#send('POST', '/credentials', body);
  updateCredential = (id: string, body: object) => this.#send('PUT', `/credentials/${id}`, body);
  deleteCredential = (id: string) => this.#send('DELETE', `/credentials/${id}`);

  async #send(method: string, path: string, body?: object): Promise<AxiosResponse> {
    const text = body === undefined ? '' : JSON.stringify(body);
    const announced = body !== undefined || this.#bodiless === 'empty_body';
    const { promise, resolve, reject } = Promise.withResolvers<AxiosResponse>();
    const sent = request(
      `${this.#baseUrl}${path}`,
      {
        method,
        headers: {
          accept: 'application/json, text/plain, */*',
          'content-type': 'application/json',
          'x-request-from': 'internal',
          authorization: `Bearer ${this.#token}`,
          ...(announced && { 'content-length': String(Buffer.byteLength(text)) }),
        },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const data: unknown = JSON.parse(Buffer.concat(chunks).toString());
          const response = { status: answer.statusCode ?? 0, data };
          if (response.status >= 200 && response.status < 300) resolve(response);
          else reject(new AxiosError(response));
        });
      },
    );
    sent.on('error', reject);
    sent.end(text);
    return promise;
  }
}
