/** How the stand-in behaves where Arcade's servers differ, by era or by installation. */

/** All of it may be changed while the stand-in runs. */
export interface ArcadeSettings {
  /**
   * `seed`: sign-in hands out API keys, and there is no OAuth, no `whoami`, no organization. `newest`: OAuth
   * only. `both`: every route.
   */
  era: 'both' | 'seed' | 'newest';
  /** How long each answer takes, once the request has been read. */
  latencyMs: number;
  /** Most secrets in one answer; `undefined`: all of them, and no word about pages. */
  pageSize: number | undefined;
  /** Error answers repeat the secret that was sent. */
  echoSecrets: boolean;
  /** What `whoami` and the list of organizations call an organization's id. */
  organizationIdField: 'organization_id' | 'org_id';
  /** Whether `whoami` answers to an API key as well as to an OAuth token. */
  whoamiTakesApiKeys: boolean;
  /** What the seed-era sign-in adds to its redirect as `warning`. */
  loginWarning: string | undefined;
  /** Which of the two well-known metadata documents exist. */
  metadata: readonly ('oauth' | 'openid')[];
  /** Whether tokens can be revoked; advertised in the metadata. */
  revocation: boolean;
  /** Life of an access token. */
  expiresInSeconds: number;
  /** Whether a login with the scope `offline_access` gets a refresh token. */
  refreshTokens: boolean;
  /** A refresh yields a new refresh token and spends the old one; or the same one again; or none. */
  refreshReply: 'rotate' | 'same' | 'none';
  /** `iss` of the ID token that a login with the scope `openid` gets; `undefined`: the coordinator's URL. */
  idTokenIssuer: string | undefined;
  /** Loopback ports to which a login may return. */
  redirectPorts: 'any' | readonly number[];
}

/** Every route, the newest shapes, and tokens as a strict server issues them. */
export const DEFAULT_SETTINGS: Readonly<ArcadeSettings> = {
  era: 'both',
  latencyMs: 0,
  pageSize: undefined,
  echoSecrets: false,
  organizationIdField: 'organization_id',
  whoamiTakesApiKeys: true,
  loginWarning: undefined,
  metadata: ['oauth', 'openid'],
  revocation: true,
  expiresInSeconds: 3600,
  refreshTokens: true,
  refreshReply: 'rotate',
  idTokenIssuer: undefined,
  redirectPorts: 'any',
};
