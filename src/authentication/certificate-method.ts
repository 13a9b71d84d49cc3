import { callerOfApiKey } from './api-key-method.ts';
import { certificateNames } from './certificate-names.ts';
import { checkExpiry, type CertificateMethod } from './authentication-method.ts';
import { hashCertificateName } from './token-source.ts';

/**
 * Proves the API key that was issued for a name in the client's certificate. Of several such names the first decides, even
 * where its key has ended.
 */
export const certificateMethod: CertificateMethod = async (certificate, { store, clock }, signal) => {
  for (const name of certificateNames(certificate)) {
    const found = await store.findApiKey(hashCertificateName(name), signal);
    if (!found) continue;
    // The handshake saw to that too, but a connection may last longer.
    checkExpiry(certificate.validToDate, clock);
    return callerOfApiKey(found, 'client_certificate', clock);
  }
  return undefined;
};
