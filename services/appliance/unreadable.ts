import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

const statuses: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/**
 * What Node's parser could not read ends its connection (`clientError` of both servers).
 *
 * Where answers to what came before are still owed, it ends without a word: an error written now would be taken for one of
 * them (RFC 9112 §9.3.2).
 */
export function endUnreadable(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (socket.destroyed) return;
  const owes = '_httpMessage' in socket && socket._httpMessage;
  if (!owes && socket.writable && error.code !== 'ECONNRESET') {
    const status = statuses[error.code ?? ''] ?? 400;
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  }
  socket.destroy();
}
