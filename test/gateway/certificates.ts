import forge from 'node-forge';
import { generateKeyPairSync } from 'node:crypto';

/** A certificate with its private key, in PEM. */
export interface Identity {
  readonly certificate: string;
  readonly privateKey: string;
}

/** An authority of its own, whose certificates last as long as a test run. */
export interface Authority {
  readonly certificate: string;
  issue(name: string, options?: IssueOptions): Identity;
}

/** How a certificate differs from an ordinary one. */
export interface IssueOptions {
  /** Subject alternative names in place of this machine's, such as `DNS:localhost` and `URI:spiffe://…`. */
  readonly names?: readonly string[];
  readonly notAfter?: Date;
}

export function createAuthority(name = 'Test authority'): Authority {
  const keys = newKeys();
  const own = certify({ subject: name, issuer: name, publicKey: keys.publicKey, signedBy: keys.privateKey });
  return {
    certificate: own,
    issue(subject, options = {}) {
      const { publicKey, privateKey } = newKeys();
      const signed = { subject, issuer: name, publicKey, signedBy: keys.privateKey };
      return { certificate: certify({ ...signed, ...options }), privateKey };
    },
  };
}

interface Certification extends IssueOptions {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: string;
  readonly signedBy: string;
}

/** The numbers of the kinds of names. @see https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6 */
const nameTypes: Readonly<Record<string, number>> = { DNS: 2, URI: 6 };

const ownNames = [
  { type: 2, value: 'localhost' },
  { type: 7, ip: '127.0.0.1' },
];

function certify({ subject, issuer, publicKey, signedBy, names, notAfter }: Certification): string {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey);
  certificate.serialNumber = forge.util.bytesToHex(forge.random.getBytesSync(16)).replace(/^./, '1');
  certificate.validity.notBefore = new Date('2020-01-01');
  certificate.validity.notAfter = notAfter ?? new Date('2049-01-01');
  certificate.setSubject([{ name: 'commonName', value: subject }]);
  certificate.setIssuer([{ name: 'commonName', value: issuer }]);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: subject === issuer, critical: true },
    {
      name: 'subjectAltName',
      altNames: names?.map((name) => ({ type: nameTypes[name.slice(0, 3)], value: name.slice(4) })) ?? ownNames,
    },
  ]);
  certificate.sign(forge.pki.privateKeyFromPem(signedBy), forge.md.sha256.create());
  return forge.pki.certificateToPem(certificate);
}

/** node-forge's own way of making keys takes seconds. */
function newKeys(): { readonly publicKey: string; readonly privateKey: string } {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}
