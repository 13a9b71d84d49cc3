import { fastApiErrors } from '../fastapi-errors.ts';

/** Renders each problem as Mielto, a FastAPI application, does. @see dialects/fastapi-errors.ts, where the codes are decided */
export const renderMieltoProblem = fastApiErrors({
  challenge: 'Bearer',
  notFound: 'Credential not found',
  members: { name: 'label', category: 'credential_type', scope: 'credential_scope', secret: 'credentials' },
  parameters: { search: 'search', skip: 'skip' },
});
