/** The secrets, by project. */
import { randomUUID } from 'node:crypto';
import { contextOf, type User } from './accounts.ts';

/** A secret as it is kept; what a list shows of it is never the value. */
export interface StoredSecret {
  readonly id: string;
  readonly key: string;
  value: string;
  description: string;
  readonly binding: { readonly id: string; readonly type: 'project' };
  last_accessed_at: string | null;
  readonly created_at: string;
  updated_at: string;
}

/** What a test says about a secret that is already there. */
export type SecretSpec = Pick<StoredSecret, 'key' | 'value'> & Partial<StoredSecret>;

/** A project, or a user whose default project is meant: the one that API keys act on. */
export type Owner = User | { readonly project_id: string };

/** All secrets of one stand-in. */
export type Vault = ReturnType<typeof createVault>;

/** A vault without secrets. */
export function createVault() {
  const projects = new Map<string, StoredSecret[]>();

  /** In the order in which the keys first came. Live: a test may look again, or change one. */
  function secretsOf(owner: Owner): StoredSecret[] {
    const id = projectOf(owner);
    const found = projects.get(id) ?? [];
    projects.set(id, found);
    return found;
  }

  return {
    secretsOf,
    /** Creates a secret, or replaces the one of that key: same id, same place. */
    store(owner: Owner, spec: SecretSpec): { readonly secret: StoredSecret; readonly created: boolean } {
      const secrets = secretsOf(owner);
      const now = new Date().toISOString();
      const existing = secrets.find(({ key }) => key === spec.key);
      if (existing) {
        Object.assign(existing, { updated_at: now }, spec);
        return { secret: existing, created: false };
      }
      const secret: StoredSecret = {
        id: randomUUID(),
        description: '',
        binding: { id: projectOf(owner), type: 'project' },
        last_accessed_at: null,
        created_at: now,
        updated_at: now,
        ...spec,
      };
      secrets.push(secret);
      return { secret, created: true };
    },
    /** Whether there was one. */
    remove(owner: Owner, id: string): boolean {
      const secrets = secretsOf(owner);
      const at = secrets.findIndex((secret) => secret.id === id);
      if (at >= 0) secrets.splice(at, 1);
      return at >= 0;
    },
  };
}

function projectOf(owner: Owner): string {
  return 'project_id' in owner ? owner.project_id : contextOf(owner).project_id;
}
