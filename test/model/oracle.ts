/**
 * What ought to come of a history, told from what happened and from the wording of the design alone: it knows
 * nothing of the spool. It thinks in stretches, each a part of the history that belongs together on this machine.
 */
import { type Drain, drainOf } from './oracle-drain.ts';
import { type Circumstances, DAY, nameOf, newStretch, type Recorded, type Whose } from './oracle-events.ts';
import { misplaced, type Persons, unjoined } from './oracle-judge.ts';
import type { Login, Who } from './steps.ts';
import { type SharedFile, understood } from './world.ts';

export type Oracle = ReturnType<typeof createOracle>;

/** An oracle for a new machine. */
export function createOracle() {
  const events: Recorded[] = [];
  const whose: Whose = new Map();
  const retired = new Set<string>();
  const linkedAs = new Map<string, Who>();
  const violations: string[] = [];
  let stretch = newStretch();
  let ours: { text: string; shared: SharedFile | null } = { text: '', shared: null };
  /** Which anon_ids are to be joined to whom, whatever was recorded under them. */
  const joins = new Map<string, Who>();
  /** Their aliases may have waited in a database that is gone; usage.json says that they are joined. */
  const orphaned = new Set<string>();
  let isLost = false;
  /** What a killed process left in usage.json, and what had been there. */
  const undone = new Map<string, string>();

  function begin(account: Who | null, login: Login | null): void {
    const { vague } = stretch;
    stretch = newStretch();
    stretch.account = account;
    stretch.credentials = login === null ? null : nameOf(login);
    // After a fresh start without credentials all doubts are over.
    stretch.vague = vague && login !== null;
    if (account !== null) stretch.mayBe.add(account);
  }

  /** What another program has written to usage.json since our last look. */
  function follow(text: string): { linked: Who } | 'rotated' | null {
    const left = understood(text);
    // A link that a killed process has left is as good as the other program's.
    const shared = left?.linked ? left : understood(undone.get(text) ?? text);
    if (text === ours.text || shared === null) return null;
    if (shared.anonId === ours.shared?.anonId) {
      return shared.linked === null || ours.shared.linked !== null ? null : { linked: shared.linked };
    }
    if (retired.has(shared.anonId) || shared.anonId.startsWith('account-of-')) return null;
    retired.add(shared.anonId);
    stretch = newStretch();
    if (shared.linked !== null) theyLink(shared.linked);
    return 'rotated';
  }

  function theyLink(who: Who): void {
    stretch.theirs = who;
    stretch.vague = true;
    stretch.mayBe.add(who);
  }

  function isTheirs(login: Login): boolean {
    return stretch.account === login.who || (stretch.account === null && stretch.theirs === login.who);
  }

  function see(login: Login | null | undefined, text: string): void {
    // Without a database and without a usage.json that can be understood there is nothing to go on with.
    if (isLost && understood(text) === null) begin(null, null);
    isLost = false;
    const before = stretch.credentials;
    const wasTheirs = login !== null && login !== undefined && isTheirs(login);
    const news = follow(text);
    const linked = news !== null && news !== 'rotated' ? news.linked : null;
    if (login === undefined) {
      if (linked !== null) theyLink(linked);
      return;
    }
    if (login === null) {
      if (linked !== null) theyLink(linked);
      if (stretch.credentials !== null || stretch.account !== null || stretch.theirs !== null)
        begin(null, null);
      return;
    }
    const known = whose.get(nameOf(login));
    const others = news !== 'rotated' && before !== null && before !== nameOf(login);
    if (known === 'perhaps') stretch.vague = true;
    const parts = others && !(known === 'known' && wasTheirs);
    if (linked !== null) theyLink(linked);
    if (parts) begin(known === 'known' ? login.who : null, login);
    else if (known === 'known') take(login.who, login);
    stretch.credentials = nameOf(login);
    if (stretch.vague) stretch.mayBe.add(login.who);
  }

  /** Links the stretch to an account, unless it is another's. */
  function take(who: Who, login: Login): void {
    if (stretch.account === who) return;
    if (stretch.account !== null || (stretch.theirs !== null && stretch.theirs !== who)) {
      begin(who, login);
    } else {
      stretch.account = who;
      stretch.mayBe.add(who);
    }
  }

  return {
    violations,
    isKnown: (login: Login): boolean => whose.get(nameOf(login)) === 'known',

    /** An event was recorded while these credentials were in force. */
    recorded(label: number, login: Login | null | undefined, circumstances: Circumstances): void {
      const { text, now, change, resolvable, fromEnvironment, anonId } = circumstances;
      if (change === 'login' && login) whose.set(nameOf(login), 'known');
      const before = { stretch, vague: stretch.vague };
      see(login, text);
      const blank = stretch.credentials === null && stretch.account === null && stretch.theirs === null;
      const certain = login !== null && login !== undefined && whose.get(nameOf(login)) === 'known';
      events.push({
        label,
        owner: login?.who ?? null,
        kind: login ? 'of an account' : blank ? 'anonymous' : 'of nobody knows whom',
        credentials: login ? nameOf(login) : null,
        stretch,
        at: now,
        resolvable,
        fromEnvironment,
        certain,
        waiting: Boolean(login) && !certain,
        forgotten: false,
        releasedAt: 0,
      });
      if (change === 'logout' && !blank) begin(null, null);
      const doubtful = before.vague || stretch.vague || ours.shared === null || anonId === null;
      if (!doubtful && (stretch === before.stretch) !== (anonId === ours.shared?.anonId)) {
        violations.push(`event ${label}: the anon_id ${stretch === before.stretch ? 'changed' : 'stayed'}`);
      }
      if (!stretch.vague && stretch.account !== null && anonId !== null && !orphaned.has(anonId))
        joins.set(anonId, stretch.account);
    },

    /** The person began anew; usage.json said `text` right before. */
    reset(text: string): void {
      const news = follow(text);
      if (news !== null && news !== 'rotated') theyLink(news.linked);
      begin(null, null);
    },

    /** usage.json was written by us: what it said before has been taken in, what it says now is ours. */
    wrote(before: string, after: string, byCommand: boolean): void {
      if (!byCommand) {
        const news = follow(before);
        if (news !== null && news !== 'rotated') theyLink(news.linked);
      }
      const shared = understood(after);
      const was = linkedAs.get(shared?.anonId ?? '');
      if (was !== undefined && was !== shared?.linked)
        violations.push(`usage.json gives ${was}'s anon_id to another`);
      if (shared?.linked) linkedAs.set(shared.anonId, shared.linked);
      if (ours.shared !== null && shared?.anonId !== ours.shared.anonId) retired.add(ours.shared.anonId);
      if (shared !== null) retired.delete(shared.anonId);
      ours = { text: after, shared };
    },

    /** A process was killed that had written usage.json and not committed what it says. */
    killed(before: string, after: string): void {
      if (after !== before) undone.set(after, undone.get(before) ?? before);
      const linked = understood(after)?.linked;
      if (!linked) return;
      stretch.vague = true;
      stretch.mayBe.add(linked);
    },

    /** A drain begins, in a shell that has a key of its own or not. It is told when the credentials are read, and how it ends. */
    drains: (moment: number, hasKey: boolean): Drain =>
      drainOf({ events, whose, violations }, { moment, hasKey }),

    /** The coordinator is asked: only ever about what is not known. */
    asks(login: Login): void {
      if (whose.get(nameOf(login)) === 'known')
        violations.push(`asked although it is known whose ${nameOf(login)} are`);
    },

    /** The coordinator was asked, and has answered; usage.json says `text`. */
    answered(login: Login, answer: 'principal' | 'refused' | 'no answer', text: string, now: number): void {
      const name = nameOf(login);
      const waiting = events.filter((event) => event.waiting && event.credentials === name);
      if (answer === 'refused') for (const event of waiting) event.waiting = false;
      if (answer === 'no answer') {
        for (const event of waiting) if (event.at <= now - DAY) event.waiting = false;
      }
      if (answer !== 'principal') return;
      whose.set(name, 'known');
      const news = follow(text);
      if (news !== null && news !== 'rotated') theyLink(news.linked);
      if (news !== null) ours = { text, shared: understood(text) };
      if (stretch.credentials === name) take(login.who, login);
      for (const event of waiting) {
        event.certain = true;
        event.waiting = false;
      }
    },

    /** A flusher was killed after an answer: nobody can tell whether it was remembered. */
    forgetsPerhaps(login: Login): void {
      whose.set(nameOf(login), 'perhaps');
      stretch.vague = true;
      stretch.mayBe.add(login.who);
      for (const event of events) {
        if (event.credentials !== nameOf(login)) continue;
        event.certain = false;
        event.stretch.vague = true;
        event.stretch.mayBe.add(login.who);
      }
    },

    /** The database is gone, and what it alone knew. */
    lostDatabase(): void {
      isLost = true;
      whose.clear();
      retired.clear();
      for (const anonId of joins.keys()) orphaned.add(anonId);
      joins.clear();
      linkedAs.clear();
      for (const event of events) {
        event.certain = false;
        event.waiting = false;
        event.stretch.vague = true;
        event.forgotten = true;
      }
      stretch.vague = true;
      stretch.credentials = null;
      if (stretch.account !== null) stretch.theirs = stretch.account;
      stretch.account = null;
    },

    /** Everything is delivered: is every event where it belongs? Returns what is not. */
    judge: (sink: Persons, sentAs: (label: number) => string | undefined): string[] => [
      ...violations,
      ...unjoined(joins, sink),
      ...events.flatMap((event) => misplaced(event, sink, sentAs(event.label))),
    ],
  };
}
