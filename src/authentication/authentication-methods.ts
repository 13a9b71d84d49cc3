import { apiKeyMethod } from './api-key-method.ts';
import { jwtMethod } from './jwt-method.ts';
import { certificateMethod } from './certificate-method.ts';
import type { CertificateMethod, AuthenticationMethod } from './authentication-method.ts';
import { sessionMethod } from './session-method.ts';

/** Every way to prove oneself by a token. Their forms exclude one another, so that the order says nothing. */
export const authenticationMethods: readonly AuthenticationMethod[] = [apiKeyMethod, sessionMethod, jwtMethod];

/** Every way to prove oneself by a certificate, each asked in turn. */
export const certificateMethods: readonly CertificateMethod[] = [certificateMethod];
