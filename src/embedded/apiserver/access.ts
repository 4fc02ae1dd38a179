/** Who is who and who may do what, put together: RBAC, ServiceAccounts and their tokens, static tokens. */
import type { KubeClient } from '../../client/client.ts';
import { startAggregationController } from '../authorization/aggregation-controller.ts';
import { createRbacAuthorizer } from '../authorization/authorizer.ts';
import { reconcileBootstrapPolicy } from '../authorization/bootstrap.ts';
import { bootstrapPolicy } from '../authorization/bootstrap-roles.ts';
import type { BootstrapPolicy } from '../authorization/bootstrap-roles.ts';
import { createEscalationGuard } from '../authorization/escalation.ts';
import { createPolicyIndex } from '../authorization/policy-index.ts';
import type { Store } from '../store/store.ts';
import { createAccountTokens } from '../tokens/account-tokens.ts';
import { startDefaultAccounts } from '../tokens/default-account.ts';
import { issuerDocuments } from '../tokens/issuer-documents.ts';
import type { IssuerDocument } from '../tokens/issuer-documents.ts';
import { startSecretTokens } from '../tokens/secret-tokens.ts';
import { makeSigningKey } from '../tokens/signing-key.ts';
import type { SigningKey } from '../tokens/signing-key.ts';
import { answerTokenRequest } from '../tokens/token-request.ts';
import { createStaticTokens } from './auth.ts';
import type { StaticToken, TokenAuthenticator } from './auth.ts';
import type { ApiContext, SubresourceAction } from './context.ts';
import type { Access, AdmissionPlugin, Authorizer, TokenReviewOutcome } from './types.ts';

export interface AccessOptions {
  /** PEM of the CA that signs client certificates; what Secrets with tokens give as `ca.crt`. */
  readonly clientCa?: string;
  readonly tokens?: readonly StaticToken[];
  /** Instead of RBAC. */
  readonly authorize?: Authorizer;
  /** Signs tokens of ServiceAccounts. Unless given they end with the process. */
  readonly signingKey?: SigningKey;
  /** Names this server in tokens. */
  readonly issuer?: string;
  /** May who shows nothing do what system:unauthenticated may? Unless given such requests are refused. */
  readonly anonymous?: boolean;
  /** Roles and bindings besides the built-in ones, kept as these are. */
  readonly policies?: readonly BootstrapPolicy[];
}

export interface AccessControl {
  readonly access: Access;
  readonly authenticateToken: TokenAuthenticator;
  /** To run after all other plug-ins. */
  readonly guard: AdmissionPlugin;
  readonly documents: ReadonlyMap<string, IssuerDocument>;
  readonly requestToken: SubresourceAction;
  /** Makes roles and accounts, and keeps them. Resolves when what a first request needs is there. */
  start(context: ApiContext, client: KubeClient): Promise<void>;
  close(): Promise<void>;
}

const defaultIssuer = 'https://kubernetes.default.svc.cluster.local';

export function createAccessControl(store: Store, options: AccessOptions): AccessControl {
  const { signingKey = makeSigningKey(), issuer = defaultIssuer } = options;
  const index = createPolicyIndex(store);
  const rbac = createRbacAuthorizer(index);
  const accountTokens = createAccountTokens({ store, key: signingKey, issuer });
  const staticTokens = createStaticTokens(options.tokens ?? []);
  const controllers: { close(): Promise<void> }[] = [];

  function reviewToken(token: string, audiences: readonly string[]): TokenReviewOutcome {
    const user = staticTokens(token);
    if (user === undefined) {
      return accountTokens.check(token, audiences);
    }
    // A static token says nothing of audiences: it is this server's.
    const wanted = audiences.length === 0 ? [issuer] : audiences;
    return wanted.includes(issuer) ? { user, audiences: [issuer] } : { error: 'the token is not for these audiences' };
  }

  return {
    access: { authorize: options.authorize ?? rbac.authorize, rulesFor: rbac.rulesFor, reviewToken },
    authenticateToken(token) {
      const outcome = reviewToken(token, []);
      return 'error' in outcome ? undefined : outcome.user;
    },
    guard: createEscalationGuard(index, rbac),
    documents: issuerDocuments(issuer, signingKey),
    requestToken: async ({ object, body }) => answerTokenRequest({ store, tokens: accountTokens }, object, body),
    async start(context, client) {
      for (const policy of [bootstrapPolicy, ...(options.policies ?? [])]) {
        await reconcileBootstrapPolicy(client, policy);
      }
      const aggregation = startAggregationController(context);
      const accounts = startDefaultAccounts(context, client);
      const secrets = startSecretTokens(context, client, { tokens: accountTokens, caPem: options.clientCa });
      controllers.push(aggregation, accounts, secrets);
      await Promise.all([aggregation.settled(), accounts.settled()]);
    },
    async close() {
      index.close();
      await Promise.all(controllers.map((controller) => controller.close()));
    },
  };
}
