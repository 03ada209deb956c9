/** Checks of the settings that lead to the destination. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { proxyFor, UnusableProxy } from '../../infra/net/proxy.ts';
import type { Settings } from '../../settings.ts';
import { error, type Finding, info, passed } from '../../usage/spool/finding.ts';

/** Checks the destination, the proxies and the certificates that are set. Opens no connection. */
export function checkSettings(settings: Settings): Finding[] {
  return [
    checkConsent(settings),
    checkDestination(settings),
    checkProxy(settings),
    ...['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'].flatMap((name) => checkCertificates(name, settings)),
  ];
}

function checkConsent({ consent }: Settings): Finding {
  if (consent.enabled) return passed('consent', 'No environment variable switches recording off.');
  return info(
    'consent',
    `${consent.decidedBy} switches recording off.`,
    `Unset ${consent.decidedBy} if you want usage to be recorded.`,
  );
}

function checkDestination({ destination: { host, apiKey } }: Settings): Finding {
  const url = URL.parse(host);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return error(
      'destination',
      'ARCADE_POSTHOG_HOST is not an address of the form https://host.',
      'Correct it, or unset it to use the default.',
    );
  }
  if (apiKey === undefined) {
    return info(
      'destination',
      'This build has no project key: events are recorded and never sent.',
      'Set ARCADE_POSTHOG_API_KEY to send them.',
    );
  }
  return passed('destination', `Events go to ${url.origin}.`);
}

/** The proxy that requests to the destination go through; undefined for none. */
export function proxyOf({ flusherEnvironment, destination }: Settings): URL | undefined | UnusableProxy {
  const url = URL.parse(destination.host);
  if (url === null) return undefined;
  try {
    return proxyFor(url, flusherEnvironment)?.url;
  } catch (thrown) {
    if (thrown instanceof UnusableProxy) return thrown;
    throw thrown;
  }
}

function checkProxy(settings: Settings): Finding {
  const proxy = proxyOf(settings);
  if (proxy instanceof UnusableProxy) {
    return error(
      'proxy',
      `${proxy.variable} is not an address of the form http://host:port.`,
      'Correct it, or name the destination in NO_PROXY.',
    );
  }
  // Without what a proxy's address may hold of a password.
  return passed(
    'proxy',
    proxy === undefined ? 'No proxy is used.' : `Requests go through the proxy ${proxy.host}.`,
  );
}

function checkCertificates(variable: string, { flusherEnvironment }: Settings): Finding[] {
  const path = flusherEnvironment[variable];
  if (path === undefined || path === '') return [];
  try {
    const blocks = readFileSync(path, 'utf8').match(
      /-----BEGIN [^-]*CERTIFICATE-----[^-]+-----END [^-]*CERTIFICATE-----/g,
    );
    const dates = (blocks ?? []).map((pem) => new X509Certificate(pem));
    if (dates.length > 0)
      return [
        passed(
          'certificates',
          `${variable} adds ${dates.length} certificate${dates.length === 1 ? '' : 's'}.`,
        ),
      ];
  } catch {
    // Told below: nothing else says it to a detached program.
  }
  return [
    error(
      'certificates',
      `${variable} names a file that cannot be read or contains no certificate.`,
      'Correct the path, or unset it.',
    ),
  ];
}
