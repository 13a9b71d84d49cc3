import { fastApiErrors } from '../shared/fastapi-errors.ts';

/** Renders problems as Scale does, which is a FastAPI application. */
export const renderProblem = fastApiErrors({
  challenge: 'APIKey',
  // Scale's SDK retries a 409 by default, which would fail in the same way.
  onConflict: { 'x-should-retry': 'false' },
  notFound: 'Credential not found',
  members: { auth_type: 'type', metadata: 'credential_metadata', secret: 'payload' },
  parameters: { after: 'starting_after', before: 'ending_before' },
});
