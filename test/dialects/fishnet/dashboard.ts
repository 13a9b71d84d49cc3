/** What the dashboard keeps of an answer. */
export interface DashboardAnswer {
  readonly status: number;
  readonly body: unknown;
}

/**
 * Fishnet's dashboard as it calls its server: JSON as content type on every request, also without a body; the session's token
 * from the moment that it has one; after a 401 none any more, for it then shows its login.
 */
export class Dashboard {
  readonly #origin: string;
  #token: string | undefined;

  constructor(origin: string) {
    this.#origin = origin;
  }

  get isLoggedIn(): boolean {
    return this.#token !== undefined;
  }

  async logIn(password: string): Promise<DashboardAnswer> {
    const answer = await this.send('POST', '/auth/login', { password });
    const { body } = answer;
    if (typeof body === 'object' && body !== null && 'token' in body) this.#token = String(body.token);
    return answer;
  }

  async send(method: string, path: string, body?: object): Promise<DashboardAnswer> {
    const response = await fetch(`${this.#origin}/api${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
      },
      // An empty text is sent as a body of no bytes, where the method may have one.
      ...(method !== 'GET' && { body: body === undefined ? '' : JSON.stringify(body) }),
    });
    if (response.status === 401) this.#token = undefined;
    const answered: unknown = JSON.parse(await response.text());
    return { status: response.status, body: answered };
  }
}
