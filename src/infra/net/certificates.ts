/** Certificate authorities beyond Node's own: the files that SSL_CERT_FILE and SSL_CERT_DIR name. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SecureContext } from 'node:tls';
import type { NetworkVariables } from './proxy.ts';

/**
 * A TLS context that trusts what Node trusts (NODE_EXTRA_CA_CERTS and the like included) and what these variables
 * name; undefined where they name nothing, so Node's own context serves. As in Python's httpx the file comes before
 * the folder. A file that cannot be read adds nothing: the connection then fails for its certificate.
 */
export function extraAuthorities(variables: NetworkVariables): SecureContext | undefined {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: directory } = variables;
  const certificates = file ? certificatesIn([file]) : directory ? certificatesIn(filesIn(directory)) : [];
  if (certificates.length === 0) return undefined;
  // TLS takes a third of a start of Node to load: it is not loaded for a plain HTTP server.
  const { createSecureContext, getCACertificates } = process.getBuiltinModule('node:tls');
  return createSecureContext({ ca: [...getCACertificates('default'), ...certificates] });
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}

function certificatesIn(files: readonly string[]): string[] {
  return files.flatMap((file) => {
    try {
      return readFileSync(file, 'utf8').match(CERTIFICATE) ?? [];
    } catch {
      return [];
    }
  });
}

const CERTIFICATE =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;
