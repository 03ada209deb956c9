/** Checks of the settings that lead to the destination. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { proxyFor, UnusableProxy } from '../../infra/net/proxy.ts';
import type { Settings } from '../../settings.ts';
import { type Checked, passed } from '../../usage/inspect/finding.ts';

/** Checks the destination, the proxies and the certificates that are set. Opens no connection. */
export function checkSettings(settings: Settings): Checked[] {
  return [
    checkConsent(settings),
    checkDestination(settings),
    checkProxy(settings),
    ...checkCertificates(settings),
  ];
}

function checkConsent({ consent }: Settings): Checked {
  if (consent.enabled) return passed('consent', 'No variable switches recording off.');
  return {
    code: 'consent',
    severity: 'info',
    message: `${consent.decidedBy} switches recording off.`,
    advice: `Unset ${consent.decidedBy} if you want usage to be recorded.`,
  };
}

function checkDestination({ destination: { host, apiKey } }: Settings): Checked {
  const url = parseAddress(host);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return {
      code: 'destination',
      severity: 'error',
      message: 'ARCADE_POSTHOG_HOST is not an address of the form https://host.',
      advice: 'Correct it, or unset it to use the default.',
    };
  }
  if (apiKey === undefined) {
    return {
      code: 'destination',
      severity: 'info',
      message: 'This build has no project key: events are recorded and never sent.',
      advice: 'Set ARCADE_POSTHOG_API_KEY to send them.',
    };
  }
  return passed('destination', `Events go to ${url.origin}.`);
}

/** An address; null for what is none. */
export function parseAddress(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** The proxy that requests to the destination go through; undefined for none, null for one that cannot be used. */
export function proxyOf({ flusherEnvironment, destination }: Settings): URL | undefined | null {
  const url = parseAddress(destination.host);
  if (url === null) return undefined;
  try {
    return proxyFor(url, flusherEnvironment)?.url;
  } catch (error) {
    if (error instanceof UnusableProxy) return null;
    throw error;
  }
}

function checkProxy(settings: Settings): Checked {
  const proxy = proxyOf(settings);
  if (proxy === null) {
    return {
      code: 'proxy',
      severity: 'error',
      message: 'The proxy variable for the destination is not an address of the form http://host:port.',
      advice: 'Correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or name the destination in NO_PROXY.',
    };
  }
  // Without what a proxy's address may hold of a password.
  return passed(
    'proxy',
    proxy === undefined ? 'No proxy is used.' : `Requests go through the proxy ${proxy.host}.`,
  );
}

function checkCertificates({ flusherEnvironment }: Settings): Checked[] {
  const path = flusherEnvironment.NODE_EXTRA_CA_CERTS;
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
          `NODE_EXTRA_CA_CERTS adds ${dates.length} certificate${dates.length === 1 ? '' : 's'}.`,
        ),
      ];
  } catch {
    // Told below: Node itself says nothing of it to a detached program.
  }
  return [
    {
      code: 'certificates',
      severity: 'error',
      message: 'NODE_EXTRA_CA_CERTS names a file that cannot be read or holds no certificate.',
      advice: 'Correct the path, or unset it.',
    },
  ];
}
