/** How the stand-in behaves where Arcade's servers differ, by era or by installation. */

/** Every route, the newest shapes, and tokens as a strict server issues them. */
export const DEFAULT_SETTINGS = {
  /**
   * `seed`: sign-in hands out API keys, and there is no OAuth, no `whoami`, no organization. `newest`: OAuth
   * only. `both`: every route.
   */
  era: 'both' as 'both' | 'seed' | 'newest',
  /** How long each answer takes, once the request has been read. */
  latencyMs: 0,
  /** Most secrets in one answer; `undefined`: all of them, and no word about pages. */
  pageSize: undefined as number | undefined,
  /** Error answers repeat the secret that was sent. */
  echoSecrets: false,
  /** What `whoami` and the list of organizations call an organization's id. */
  organizationIdField: 'organization_id' as 'organization_id' | 'org_id',
  /** Whether `whoami` answers to an API key as well as to an OAuth token. */
  whoamiTakesApiKeys: true,
  /** What the seed-era sign-in adds to its redirect as `warning`. */
  loginWarning: undefined as string | undefined,
  /** Which of the two well-known metadata documents exist. */
  metadata: ['oauth', 'openid'] as readonly ('oauth' | 'openid')[],
  /** Whether tokens can be revoked; advertised in the metadata. */
  revocation: true,
  /** Life of an access token. */
  expiresInSeconds: 3600,
  /** Whether a login with the scope `offline_access` gets a refresh token. */
  refreshTokens: true,
  /** A refresh yields a new refresh token and spends the old one; or the same one again; or none. */
  refreshReply: 'rotate' as 'rotate' | 'same' | 'none',
  /** `iss` of the ID token that a login with the scope `openid` gets; `undefined`: the coordinator's URL. */
  idTokenIssuer: undefined as string | undefined,
  /** Loopback ports to which a login may return. */
  redirectPorts: 'any' as 'any' | readonly number[],
};

/** All of it may be changed while the stand-in runs. */
export type ArcadeSettings = typeof DEFAULT_SETTINGS;
