import type { DescMessage, DescMethodStreaming, DescMethodUnary, MessageInitShape } from '@bufbuild/protobuf';
import type { StreamResponse, Transport, UnaryResponse } from '@connectrpc/connect';
import { cofferErrorFrom } from '../errors/from-connect.ts';
import { InvalidArgumentError } from '../errors/errors.ts';
import { withRequestId } from './safe-calls.ts';

/** A token, or what returns the current one. It is called for every call, so it should keep what it has read. */
export type TokenSource = string | (() => string | Promise<string>);

/** What `Headers` are made from. */
type HeadersInput = ConstructorParameters<typeof Headers>[0];

/** How calls are made. */
export interface CallPolicy {
  readonly token: TokenSource | undefined;
  readonly timeoutMs: number;
}

/** Authenticates each call, gives it a deadline and a request id, and turns failures into errors of this library. */
export class CofferTransport implements Transport {
  readonly #transport: Transport;
  readonly #policy: CallPolicy;

  constructor(transport: Transport, policy: CallPolicy) {
    this.#transport = transport;
    this.#policy = policy;
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeadersInput | undefined,
    input: MessageInitShape<I>,
  ): Promise<UnaryResponse<I, O>> {
    try {
      const message = withRequestId(method.input, input);
      const headers = await this.#authenticate(header);
      return await this.#transport.unary(method, signal, timeoutMs ?? this.#policy.timeoutMs, headers, message);
    } catch (error) {
      throw cofferErrorFrom(error);
    }
  }

  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeadersInput | undefined,
    input: AsyncIterable<MessageInitShape<I>>,
  ): Promise<StreamResponse<I, O>> {
    try {
      const headers = await this.#authenticate(header);
      const response = await this.#transport.stream(method, signal, timeoutMs, headers, input);
      return { ...response, message: withCofferErrors(response.message) };
    } catch (error) {
      throw cofferErrorFrom(error);
    }
  }

  async #authenticate(given: HeadersInput | undefined): Promise<Headers> {
    const headers = new Headers(given);
    const { token } = this.#policy;
    const text = typeof token === 'function' ? await token() : token;
    if (text === undefined || text === '' || headers.has('authorization')) return headers;
    // An invalid header would be quoted by the error of `Headers`.
    if (!/^[\x21-\x7e]+$/.test(text)) {
      throw new InvalidArgumentError('token: visible ASCII characters are required', { code: 'invalid_argument' });
    }
    headers.set('authorization', `Bearer ${text}`);
    return headers;
  }
}

async function* withCofferErrors<Message>(messages: AsyncIterable<Message>): AsyncIterable<Message> {
  try {
    yield* messages;
  } catch (error) {
    throw cofferErrorFrom(error);
  }
}
