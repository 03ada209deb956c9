/** How certificates are verified: always, and with the authorities that SSL_CERT_FILE and SSL_CERT_DIR name. */
import { readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { SecureContext } from 'node:tls';
import type { NetworkVariables } from './proxy.ts';

export interface TlsOptions {
  readonly rejectUnauthorized: true;
  readonly secureContext?: SecureContext;
}

/**
 * What every TLS connection is opened with. NODE_TLS_REJECT_UNAUTHORIZED does not count. Trusted is what Node trusts
 * (NODE_EXTRA_CA_CERTS and the like included) and what these variables name. As in Python's httpx the file comes before
 * the folders, which are a list as PATH is. A file that cannot be read adds nothing: the connection then fails for its
 * certificate.
 */
export function tlsOptions({ SSL_CERT_FILE: file, SSL_CERT_DIR: folders }: NetworkVariables): TlsOptions {
  const named = file
    ? [file]
    : folders
      ? folders
          .split(delimiter)
          .flatMap((folder) => orNothing(() => readdirSync(folder).map((name) => join(folder, name))))
      : [];
  const certificates = named.flatMap((path) => orNothing(() => [readFileSync(path, 'utf8')]));
  if (certificates.length === 0) return { rejectUnauthorized: true };
  const { createSecureContext, getCACertificates } = process.getBuiltinModule('node:tls');
  const ca = [...getCACertificates('default'), ...certificates];
  return { rejectUnauthorized: true, secureContext: createSecureContext({ ca }) };
}

function orNothing(look: () => string[]): string[] {
  try {
    return look();
  } catch {
    return [];
  }
}
