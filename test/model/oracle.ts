/**
 * What ought to come of a history, told from what happened and from the wording of the design alone: it knows
 * nothing of the spool. It thinks in stretches, each a part of the history that belongs together on this machine.
 */
import { type Drain, drainOf } from './oracle-drain.ts';
import {
  type Circumstances,
  DAY,
  nameOf,
  newEvent,
  newStretch,
  type Recorded,
  type Whose,
} from './oracle-events.ts';
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
  /** What an event that is recorded found; with it, what was spilled is taken in. */
  let previous = stretch;
  /** Who events are sent as by now. */
  let ours: SharedFile | null = null;
  /** The text of usage.json that was written or read last. */
  let seenText = '';
  /** Which anon_ids are to be joined to whom, whatever was recorded under them. */
  const joins = new Map<string, Who>();
  /** Linked without an alias; they may come back. */
  const unjoinedIds = new Set<string>();
  /** Their aliases may have waited in a database that is gone; usage.json says that they are joined. */
  const orphaned = new Set<string>();
  let isLost = false;
  /** The credentials that are looked at stand in the environment. */
  let inEnvironment = false;

  function begin(account: Who | null, login: Login | null): void {
    const { vague } = stretch;
    stretch = newStretch();
    stretch.account = account;
    stretch.credentials = login === null ? null : nameOf(login);
    // After a fresh start without credentials all doubts are over.
    stretch.vague = vague && login !== null;
    // A new anon_id has no history to join.
    stretch.unjoined = inEnvironment;
    if (account !== null) stretch.mayBe.add(account);
  }

  /** What another program has written to usage.json since our last look. */
  function follow(text: string): { linked: Who } | 'rotated' | null {
    const shared = understood(text);
    if (text === seenText) return null;
    seenText = text;
    if (shared === null) return null;
    if (shared.anonId === ours?.anonId) {
      return shared.linked === null || ours.linked !== null ? null : { linked: shared.linked };
    }
    if (retired.has(shared.anonId) || shared.anonId.startsWith('account-of-')) return null;
    retired.add(shared.anonId);
    stretch = newStretch();
    for (const event of events) if (event.anonId === shared.anonId) event.later.push(stretch);
    if (shared.linked !== null) theyLink(shared.linked);
    return 'rotated';
  }

  function theyLink(who: Who): void {
    stretch.theirs = who;
    stretch.vague = true;
    stretch.mayBe.add(who);
  }

  /** usage.json has been read where no credentials were looked at. */
  function readShared(text: string): void {
    const news = follow(text);
    if (news !== null && news !== 'rotated') theyLink(news.linked);
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
    } else if (stretch.copied && stretch.theirs === null) {
      begin(who, login);
      stretch.unjoined = true;
    } else {
      stretch.account = who;
      stretch.mayBe.add(who);
      stretch.unjoined = inEnvironment && !stretch.anonymous;
    }
  }

  return {
    violations,
    isKnown: (login: Login): boolean => whose.get(nameOf(login)) === 'known',

    /** An event was recorded while these credentials were in force. */
    recorded(label: number, login: Login | null | undefined, circumstances: Circumstances): void {
      const { text, now, change, resolvable, fromEnvironment, anonId } = circumstances;
      inEnvironment = fromEnvironment && change !== 'login';
      if (change === 'login' && login) whose.set(nameOf(login), 'known');
      const before = { stretch, vague: stretch.vague };
      previous = stretch;
      see(login, text);
      const blank = stretch.credentials === null && stretch.account === null && stretch.theirs === null;
      const certain = login !== null && login !== undefined && whose.get(nameOf(login)) === 'known';
      if (blank) stretch.anonymous = true;
      events.push(
        newEvent({
          label,
          owner: login?.who ?? null,
          kind: login ? 'of an account' : blank ? 'anonymous' : 'unowned',
          credentials: login ? nameOf(login) : null,
          stretch,
          at: now,
          resolvable,
          fromEnvironment,
          certain,
          waiting: Boolean(login) && !certain,
        }),
      );
      if (change === 'logout' && !blank) begin(null, null);
      const doubtful = before.vague || stretch.vague || ours === null || anonId === null;
      if (!doubtful && (stretch === before.stretch) !== (anonId === ours?.anonId)) {
        violations.push(`event ${label}: the anon_id ${stretch === before.stretch ? 'changed' : 'stayed'}`);
      }
      if (anonId !== null && stretch.unjoined) unjoinedIds.add(anonId);
      const { account, vague } = stretch;
      const mayWait = anonId === null || unjoinedIds.has(anonId) || orphaned.has(anonId);
      if (account !== null && !vague && !mayWait) joins.set(anonId, account);
    },

    /** An event was recorded without the database; usage.json said `text`. */
    spilled(label: number, login: Login | null | undefined, text: string, now: number): void {
      events.push(
        newEvent({
          label,
          owner: login?.who ?? null,
          kind: 'spilled',
          credentials: login ? nameOf(login) : null,
          stretch,
          anonId: login === null ? (understood(text)?.anonId ?? null) : null,
          at: now,
          certain: login != null && whose.get(nameOf(login)) === 'known',
        }),
      );
    },

    /** It has come into the database. */
    takenIn(label: number): void {
      events.find((event) => event.label === label)?.later.push(previous, stretch);
    },

    /** The person began anew; usage.json said `text` right before. */
    reset(text: string): void {
      isLost = false;
      readShared(text);
      begin(null, null);
    },

    /** usage.json was read; it said `text`. */
    follows: readShared,

    /** Who events are sent as from here on. */
    became(ids: SharedFile | null): void {
      if (ids === null) return;
      const was = linkedAs.get(ids.anonId);
      if (was !== undefined && was !== ids.linked) violations.push(`${was}'s anon_id is given to another`);
      if (ids.linked !== null) linkedAs.set(ids.anonId, ids.linked);
      if (ours !== null && ids.anonId !== ours.anonId) retired.add(ours.anonId);
      retired.delete(ids.anonId);
      if (stretch.unjoined) unjoinedIds.add(ids.anonId);
      ours = ids;
    },

    /** usage.json was written by us. */
    exported(text: string): void {
      seenText = text;
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
      readShared(text);
      inEnvironment = waiting.some((event) => event.fromEnvironment);
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

    /** The machine goes on as a copy of itself. */
    copied(): void {
      stretch.copied = true;
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
      stretch.copied = false;
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
