import { fastApiErrors } from '../shared/fastapi-errors.ts';

/** Renders each problem as Mielto, a FastAPI application, does. @see ../shared/fastapi-errors.ts, where the codes are decided */
export const renderMieltoProblem = fastApiErrors({
  challenge: 'Bearer',
  notFound: 'Credential not found',
  members: { name: 'label', category: 'credential_type', scope: 'credential_scope', secret: 'credentials' },
  parameters: { search: 'search', skip: 'skip' },
});
