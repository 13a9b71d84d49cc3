import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A bare TCP connection to a gateway, to send it what no client library would. */
export interface RawConnection {
  readonly socket: Socket;
  write(text: string): void;
  /** All that was received, when it contains the text; fails when the connection closes before. */
  until(text: string): Promise<string>;
  /** All that was received, when the connection has closed. */
  closed(): Promise<string>;
}

/** @param from what the connection is made to and from, where that is not 127.0.0.1 */
export async function openRaw(
  port: number,
  from: { readonly host?: string; readonly localAddress?: string } = {},
): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1', ...from });
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  // A reset by the server ends the connection like a close does.
  socket.on('error', () => socket.destroy());
  const end = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await once(socket, 'connect');
  return {
    socket,
    write: (text) => void socket.write(text, 'latin1'),
    async until(text) {
      while (!received.includes(text)) {
        if (socket.destroyed) throw new Error(`closed after: ${received}`);
        await Promise.race([once(socket, 'data'), end]);
      }
      return received;
    },
    async closed() {
      await end;
      return received;
    },
  };
}
