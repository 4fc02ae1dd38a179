/** Answers for /, /api, /apis and below: what is served. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { badRequest, unknownPath } from '../../../apimachinery/status.ts';
import type { RequestPath } from '../request-path.ts';
import {
  aggregatedContentType,
  aggregatedDiscovery,
  aggregatedForm,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
} from './discovery.ts';
import type { GroupVersions } from './discovery.ts';
import { sendDocument, sendJson } from './respond.ts';

export function serveDiscovery(
  groups: readonly GroupVersions[],
  path: Exclude<RequestPath, { type: 'resource' | 'other' }>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  switch (path.type) {
    case 'api':
    case 'apis':
      serveGroups(groups, path.type, request, response);
      return;
    case 'group':
    case 'groupVersion': {
      const group = groups.find((candidate) => candidate.group === path.group);
      if (group === undefined) {
        throw unknownPath();
      }
      if (path.type === 'group') {
        sendJson(response, 200, apiGroup(group));
        return;
      }
      const version = group.versions.find(({ name }) => name === path.version);
      if (version === undefined) {
        throw unknownPath();
      }
      sendJson(response, 200, apiResourceList(path.group, path.version, version.resources));
      return;
    }
    case 'malformed':
      throw badRequest('malformed URL path');
  }
}

function serveGroups(
  groups: readonly GroupVersions[],
  root: 'api' | 'apis',
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const form = aggregatedForm(request.headers.accept);
  if (form !== undefined) {
    const shown = groups.filter(({ group }) => (group === '') === (root === 'api'));
    const bytes = Buffer.from(JSON.stringify(aggregatedDiscovery(shown, form)));
    sendDocument(response, { type: aggregatedContentType(form), bytes });
  } else {
    sendJson(response, 200, root === 'api' ? apiVersions(groups, request.headers.host ?? '') : apiGroupList(groups));
  }
}
