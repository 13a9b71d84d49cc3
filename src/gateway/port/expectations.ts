import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Http2Server } from 'node:http2';

/**
 * Has a server of HTTP/1.1 send `100 Continue` only once a body is read, so that a client keeps a body to itself that is refused
 * by its headers alone. Unless it was sent, the connection ends with the answer: its client may or may not send the body.
 *
 * @param mayKeepAlive whether connections are still kept at all
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
  // Other expectations are refused as every request is: with an answer of the gateway's own.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
}

/** The same over HTTP/2, whose streams end by themselves. */
export function continueStreamWhenRead(server: Http2Server): void {
  server.on('checkContinue', (request, response) => {
    onceRead(request, () => {
      if (!response.headersSent) response.writeContinue();
    });
    server.emit('request', request, response);
  });
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
}

/** Whoever reads a body listens for its data: this way or the other. */
function onceRead(request: EventEmitter, read: () => void): void {
  const onListener = (event: string | symbol): void => {
    if (event !== 'data' && event !== 'readable') return;
    request.off('newListener', onListener);
    read();
  };
  request.on('newListener', onListener);
}
