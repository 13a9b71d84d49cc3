import { fastApiErrors } from '../shared/fastapi-errors.ts';

/** Renders each problem as Scale, a FastAPI application, does. @see ../shared/fastapi-errors.ts, where the codes are decided */
export const renderScaleProblem = fastApiErrors({
  challenge: 'APIKey',
  // Its SDK repeats a call that was answered 409, and would get the same answer twice more.
  onConflict: { 'x-should-retry': 'false' },
  notFound: 'Credential not found',
  members: { auth_type: 'type', metadata: 'credential_metadata', secret: 'payload' },
  parameters: { after: 'starting_after', before: 'ending_before' },
});
