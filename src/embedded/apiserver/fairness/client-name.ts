/** Who counts as one client where clients share what there is. */
import type { UserInfo } from '../types.ts';
import { systemMasters } from '../types.ts';

const agentLength = 64;

/**
 * A user; of administrators each program by itself, as kubectl, a GitOps agent and a console often share one certificate.
 * Others could take more than their share with invented names of programs.
 */
export function clientName(user: UserInfo, userAgent: string | undefined): string {
  if (!user.groups.includes(systemMasters)) {
    return user.name;
  }
  const [program = ''] = (userAgent ?? '').split(/[\s/]/u, 1);
  return `${user.name} ${program.slice(0, agentLength)}`;
}
