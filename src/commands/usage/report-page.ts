/** The report: what `status`, `stats` and `list` tell, as one page. */
import { html, type Markup, page, plainText } from '../../terminal/html.ts';
import { area, columns, rows } from '../../terminal/svg.ts';
import type { Stats } from '../../usage/inspect/stats.ts';
import type { RecordInFull, Status } from '../../usage/inspect/status.ts';
import { STYLE } from './report-style.ts';
import { counted, isoTime, limitInWords, shortly } from './words.ts';

export interface Told {
  readonly now: number;
  readonly host: string;
  readonly recording: string;
  readonly sender: string;
  readonly why: string;
  readonly status: Status;
  readonly stats: Stats;
  /** Oldest first, with the event as it goes on the wire. */
  readonly events: readonly { readonly details: RecordInFull; readonly payload: unknown }[];
}

/** The whole page. */
export function reportPage(told: Told): string {
  const { now, host, recording, sender, why, stats } = told;
  const body = html`<header>
<h1>What arcade has recorded here</h1>
<p class="lead">As of <time datetime="${isoTime(now)}">${isoTime(now).slice(0, 16).replace('T', ', ')} UTC</time>. Recording is ${recording}; events go to ${host}, the next one as ${sender}.</p>
</header>
<main>
<p class="why">${why}</p>
${ledgerFigures(told)}
${eventsADay(stats)}
${slowest(stats)}
${queue(stats)}
${delivery(stats)}
${eventList(told)}
</main>
<footer><p>This file holds all that it shows. It loads nothing, runs nothing and was sent nowhere.</p></footer>`;
  return page({ title: 'arcade usage report', style: STYLE, body });
}

function ledgerFigures({ status: { ledger } }: Told): Markup {
  const dropped = Object.values(ledger.dropped).reduce((sum, number) => sum + number, 0);
  const figures: [string, number][] = [
    ['Recorded', ledger.recorded],
    ['Delivered', ledger.delivered],
    ['Pending', ledger.pending],
    ['Quarantined', ledger.quarantined],
    ['Dropped', dropped],
    ['Purged', ledger.purged],
  ];
  const items = figures.map(
    ([name, number]) => html`<div><dt>${name}</dt><dd>${number.toLocaleString('en')}</dd></div>`,
  );
  return html`<dl class="figures">${items}</dl>`;
}

function eventsADay({ perDay }: Stats): Markup {
  const total = perDay.reduce((sum, day) => sum + day.succeeded + day.failed, 0);
  const failed = perDay.reduce((sum, day) => sum + day.failed, 0);
  const description = `${counted(total, 'event')} in ${perDay.length} days, ${failed.toLocaleString('en')} of them of failed commands.`;
  const bars = perDay.map((day) => ({
    label: day.day.slice(5),
    parts: [day.succeeded, day.failed] as const,
    says: `${day.day}: ${day.succeeded} succeeded, ${day.failed} failed`,
  }));
  const numbers = perDay.map((day) => [day.day, day.succeeded, day.failed]);
  return section('Events a day', description, [
    columns({ id: 'days', title: 'Events a day', description }, bars),
    key('succeeded', 'failed', 'bad'),
    table(['Day', 'Succeeded', 'Failed'], numbers),
  ]);
}

function slowest({ commands }: Stats): Markup {
  const timed = commands.filter(({ p95_ms }) => p95_ms !== null);
  const description =
    'How long the commands took of which the records are still kept: half of the runs, and 95 of 100.';
  if (timed.length === 0) return section('Slowest commands', 'None has been timed.', []);
  const bars = timed.map(({ command_name: label, p50_ms, p95_ms }) => ({
    label,
    parts: [p50_ms ?? 0, (p95_ms ?? 0) - (p50_ms ?? 0)] as const,
    says: `${shortly(p50_ms ?? 0)} / ${shortly(p95_ms ?? 0)}`,
  }));
  const numbers = commands.map((command) => [
    command.command_name,
    command.events,
    command.failed,
    command.measured,
    command.p50_ms ?? '',
    command.p95_ms ?? '',
  ]);
  return section('Slowest commands', description, [
    rows({ id: 'commands', title: 'Slowest commands', description }, bars),
    key('half of the runs (p50)', '95 of 100 (p95)', 'rare'),
    table(['Command', 'Events', 'Failed', 'Timed', 'p50 in ms', 'p95 in ms'], numbers),
  ]);
}

function queue({ queue: hours, waiting }: Stats): Markup {
  const lengths = hours.map(({ most }) => most);
  const description = `At most ${counted(Math.max(0, ...lengths), 'record')} waited at once; now ${waiting.toLocaleString('en')} ${waiting === 1 ? 'does' : 'do'}.`;
  const ends = [hours[0]?.at ?? 0, hours.at(-1)?.at ?? 0].map((at) => isoTime(at).slice(0, 10));
  const changes = hours.filter(({ most }, i) => i === 0 || most !== hours[i - 1]?.most);
  return section('Records waiting', description, [
    area({ id: 'queue', title: 'Records waiting', description }, lengths, [ends[0] ?? '', ends[1] ?? '']),
    table(
      ['From (UTC)', 'Most at once'],
      changes.map(({ at, most }) => [isoTime(at).slice(0, 16).replace('T', ' '), most]),
    ),
  ]);
}

function delivery({ delivery: { measured, within, p50_ms, p95_ms, longest_ms } }: Stats): Markup {
  if (measured === 0) return section('Delay of delivery', 'Nothing has been delivered in this time.', []);
  const description = `Of the latest ${counted(measured, 'receipt')}, half arrived within ${shortly(p50_ms ?? 0)}, 95 of 100 within ${shortly(p95_ms ?? 0)}, the last after ${shortly(longest_ms ?? 0)}.`;
  const bars = within.map(({ limit_ms, records }) => ({
    label: limitInWords(limit_ms),
    parts: [records, 0] as const,
    says: records.toLocaleString('en'),
  }));
  return section('Delay of delivery', description, [
    rows({ id: 'delay', title: 'Delay of delivery', description }, bars),
    table(
      ['Delay', 'Records'],
      within.map(({ limit_ms, records }) => [limitInWords(limit_ms), records]),
    ),
  ]);
}

function section(title: string, description: string, content: readonly Markup[]): Markup {
  const id = `s-${title.toLowerCase().replaceAll(' ', '-')}`;
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2><p class="soft">${description}</p>${content}</section>
`;
}

function key(first: string, second: string, kind: 'bad' | 'rare'): Markup {
  return html`<ul class="key"><li><span class="good"></span>${first}</li><li><span class="${kind}"></span>${second}</li></ul>`;
}

function table(headings: readonly string[], lines: readonly (readonly (string | number)[])[]): Markup {
  const head = headings.map((heading, i) => html`<th scope="col"${numberClass(i)}>${heading}</th>`);
  const body = lines.map(
    (line) =>
      html`<tr>${line.map((cell, i) => html`<td${numberClass(i)}>${typeof cell === 'number' ? cell.toLocaleString('en') : cell}</td>`)}</tr>`,
  );
  return html`<details><summary>The numbers</summary><div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div></details>`;
}

function numberClass(column: number): Markup | null {
  return column === 0 ? null : { markup: ' class="number"' };
}

/** By day, the latest first and open. */
function eventList({ events }: Told): Markup {
  const days = new Map<string, Markup[]>();
  for (let i = events.length - 1; i >= 0; i -= 1) {
    const event = events[i];
    if (event === undefined) continue;
    const day = isoTime(event.details.record.recorded_at).slice(0, 10);
    const known = days.get(day) ?? [];
    known.push(eventRow(event));
    days.set(day, known);
  }
  const description = `${counted(events.length, 'record')} that are still kept: all that wait or were refused, and the latest that were delivered. Open one to see exactly what is sent.`;
  const groups = [...days].map(
    (
      [day, list],
      i,
    ) => html`<details class="day"${{ markup: i === 0 ? ' open' : '' }}><summary>${day} <span class="soft">${counted(list.length, 'record')}</span></summary><div class="scroll"><table><thead><tr>${EVENT_HEADINGS}</tr></thead><tbody>${list}</tbody></table></div></details>
`,
  );
  return section('Every event', description, groups);
}

const EVENT_HEADINGS = ['ID', 'At (UTC)', 'What', 'Outcome', 'State', 'Sent as', 'Tries', 'On the wire'].map(
  (heading) => html`<th scope="col">${heading}</th>`,
);

/** Of ten thousand rows every byte counts: end tags that HTML does not ask for are left out. */
function eventRow({ details: { record }, payload }: Told['events'][number]): Markup {
  const { id, recorded_at, kind, command_name, event, state, reason, distinct_id, attempts } = record;
  const outcome = kind === 'alias' ? '' : event === 'CLI execution failed' ? 'failed' : 'succeeded';
  const what = kind === 'alias' ? 'alias' : (command_name ?? event);
  const told = reason === null ? state : `${state}: ${reason}`;
  return html`<tr><td>${id}<td>${isoTime(recorded_at).slice(11, 19)}<td>${what}<td>${outcome}<td class="${state}">${told}<td><code>${distinct_id ?? 'not known yet'}</code><td>${attempts}<td><details><summary>show</summary><pre>${plainText(JSON.stringify(payload, null, 1))}</pre></details>
`;
}
