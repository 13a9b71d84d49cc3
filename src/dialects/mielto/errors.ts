import { fastApiErrors } from '../shared/fastapi-errors.ts';

/** Renders problems as Mielto does, which is a FastAPI application. */
export const renderProblem = fastApiErrors({
  challenge: 'Bearer',
  notFound: 'Credential not found',
  members: { name: 'label', category: 'credential_type', scope: 'credential_scope', secret: 'credentials' },
  parameters: { search: 'search', skip: 'skip' },
});
