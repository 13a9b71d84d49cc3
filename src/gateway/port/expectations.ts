import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Http2Server } from 'node:http2';

/**
 * Makes an HTTP/1.1 server send `100 Continue` only when the body is read, so that a client does not send a body that its headers
 * already make refusable. If it was not sent, the connection ends with the answer, because the client may or may not send the body.
 *
 * @param mayKeepAlive whether the connection of a response may stay open
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
 */
export function continueWhenRead(server: Server, mayKeepAlive: (response: ServerResponse) => boolean): void {
  const receive = (request: IncomingMessage, response: ServerResponse): void => {
    const { shouldKeepAlive } = response;
    response.shouldKeepAlive = false;
    onceRead(request, () => {
      if (response.headersSent) return;
      response.shouldKeepAlive = shouldKeepAlive && mayKeepAlive(response);
      response.writeContinue();
    });
    server.emit('request', request, response);
  };
  server.on('checkContinue', receive);
  // The gateway refuses other expectations as it refuses any malformed request.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
}

/** Does the same for HTTP/2, whose streams end without their connection. */
export function continueStreamWhenRead(server: Http2Server): void {
  server.on('checkContinue', (request, response) => {
    onceRead(request, () => {
      if (!response.headersSent) response.writeContinue();
    });
    server.emit('request', request, response);
  });
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
}

/** Calls back when something begins to read a body: it listens for one of two events. */
function onceRead(request: EventEmitter, read: () => void): void {
  const onListener = (event: string | symbol): void => {
    if (event !== 'data' && event !== 'readable') return;
    request.off('newListener', onListener);
    read();
  };
  request.on('newListener', onListener);
}
