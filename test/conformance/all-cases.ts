/** The suite, in the order in which it runs. */
import type { ConformanceCase } from './case.ts';
import { agentCases, oldWatchCases, parameterCases, socketCases, subresourceCases } from './cases/agents.ts';
import { applyCases, managedFieldsCases } from './cases/apply.ts';
import { accessCases, builtinCases } from './cases/builtins.ts';
import { javascriptCases, kubectlCases } from './cases/clients.ts';
import { createCases, generateNameCases } from './cases/create.ts';
import { definitionCases, expressionCases, schemaCases, versionCases } from './cases/definitions.ts';
import { deleteCases, deleteCollectionCases, namespaceCases, ownerCases } from './cases/delete.ts';
import { discoveryCases, healthCases, openApiCases } from './cases/discovery.ts';
import { metadataCases, nameCases } from './cases/names.ts';
import { dryRunCases, fieldValidationCases } from './cases/options.ts';
import { jsonPatchCases, mergePatchCases, strategicPatchCases } from './cases/patch.ts';
import { listCases, readCases, resourceVersionCases } from './cases/read.ts';
import { httpCases, negotiationCases, partialCases, tableCases } from './cases/representations.ts';
import { fieldSelectorCases, labelSelectorCases } from './cases/selectors.ts';
import { serviceCases } from './cases/services.ts';
import { generationCases, scaleCases, statusCases, updateCases } from './cases/update.ts';
import { watchCases } from './cases/watch.ts';

export const allCases: readonly ConformanceCase[] = [
  createCases,
  generateNameCases,
  readCases,
  listCases,
  resourceVersionCases,
  watchCases,
  updateCases,
  generationCases,
  statusCases,
  scaleCases,
  jsonPatchCases,
  mergePatchCases,
  strategicPatchCases,
  applyCases,
  managedFieldsCases,
  deleteCases,
  deleteCollectionCases,
  ownerCases,
  namespaceCases,
  dryRunCases,
  fieldValidationCases,
  labelSelectorCases,
  fieldSelectorCases,
  nameCases,
  metadataCases,
  tableCases,
  partialCases,
  negotiationCases,
  httpCases,
  discoveryCases,
  openApiCases,
  healthCases,
  definitionCases,
  versionCases,
  schemaCases,
  expressionCases,
  builtinCases,
  serviceCases,
  accessCases,
  subresourceCases,
  oldWatchCases,
  parameterCases,
  socketCases,
  agentCases,
  kubectlCases,
  javascriptCases,
].flat();
