/** The report: what `status`, `stats` and `list` show, as one page. */

import type { Figure } from '../../terminal/figure.ts';
import { html, type Markup, page, plainText } from '../../terminal/html.ts';
import { drawSvg } from '../../terminal/svg.ts';
import type { Stats } from '../../usage/inspect/stats.ts';
import type { Status } from '../../usage/inspect/status.ts';
import { figuresOf } from './figures.ts';
import type { Overview } from './overview.ts';
import type { SentRecord } from './reading.ts';
import { STYLE } from './report-style.ts';
import { counted, digits, isoTime, outcomeOf, utcTime, whatOf } from './words.ts';

export interface ReportData {
  readonly now: number;
  readonly host: string;
  readonly overview: Overview;
  /** Who the next event is sent as. */
  readonly sender: string;
  readonly stats: Stats;
  /** Oldest first, with the event as it goes on the wire. */
  readonly events: readonly SentRecord[];
}

/** The whole page. */
export function reportPage({ now, host, overview, sender, stats, events }: ReportData): string {
  const { consent, status, why } = overview;
  const recording = `${consent.enabled ? 'on' : 'off'} (${consent.decided_by})`;
  const body = html`<header>
<h1>arcade usage report</h1>
<p class="lead">As of <time datetime="${isoTime(now)}">${utcTime(now).slice(0, 16)} UTC</time>. Recording is ${recording}. Events are sent to ${host}, the next one as ${sender}.</p>
</header>
<main>
<p class="why">${why}</p>
${status === undefined ? null : ledgerFigures(status)}
${figuresOf(stats).map(figureSection)}
${eventList(events)}
</main>
<footer><p>This file is self-contained: it loads and runs nothing and has not been sent anywhere.</p></footer>`;
  return page({ title: 'arcade usage report', style: STYLE, body });
}

function ledgerFigures({ ledger }: Status): Markup {
  const dropped = Object.values(ledger.dropped).reduce((sum, number) => sum + number, 0);
  const items = Object.entries({ ...ledger, dropped }).map(
    ([name, number]) => html`<div><dt>${name}</dt><dd>${digits(number)}</dd></div>`,
  );
  return html`<dl class="figures">${items}</dl>`;
}

function figureSection(figure: Figure): Markup {
  const { title, summary, legend, bars } = figure;
  if (bars.length === 0) return section(title, summary, []);
  return section(title, summary, [drawSvg(figure), legend && key(legend), table(figure)]);
}

function section(title: string, description: string, content: readonly (Markup | null)[]): Markup {
  const id = `s-${title.toLowerCase().replaceAll(' ', '-')}`;
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2><p class="soft">${description}</p>${content}</section>
`;
}

function key({ names: [first, second], second: kind }: NonNullable<Figure['legend']>): Markup {
  return html`<ul class="key"><li><span class="good"></span>${first}</li><li><span class="${kind}"></span>${second}</li></ul>`;
}

/** The numbers of a figure; those of a curve where they change. */
function table({ bars, shape }: Figure): Markup {
  const changes = bars.filter(({ says }, i) => shape !== 'curve' || says !== bars[i - 1]?.says);
  const body = changes.map(({ label, says }) => html`<tr><th scope="row">${label}</th><td>${says}</td></tr>`);
  return html`<details><summary>Numbers</summary><div class="scroll"><table>${body}</table></div></details>`;
}

/** By day, the latest first and open. */
function eventList(events: readonly SentRecord[]): Markup {
  const days = new Map<string, Markup[]>();
  for (const event of events.toReversed()) {
    const day = utcTime(event.record.recorded_at).slice(0, 10);
    const known = days.get(day) ?? [];
    known.push(eventRow(event));
    days.set(day, known);
  }
  const description = `${counted(events.length, 'record')}: all that are pending or quarantined, and the latest delivered. Open one to see exactly what is sent.`;
  const groups = [...days].map(
    (
      [day, list],
      i,
    ) => html`<details class="day"${{ markup: i === 0 ? ' open' : '' }}><summary>${day} <span class="soft">${counted(list.length, 'record')}</span></summary><div class="scroll"><table><thead><tr>${EVENT_HEADINGS}</tr></thead><tbody>${list}</tbody></table></div></details>
`,
  );
  return section('Every event', description, groups);
}

const EVENT_HEADINGS = [
  'ID',
  'At (UTC)',
  'Command',
  'Outcome',
  'State',
  'Sent as',
  'Attempts',
  'As sent',
].map((heading) => html`<th scope="col">${heading}</th>`);

/** With ten thousand rows every byte counts: optional end tags are left out. */
function eventRow({ record, payload }: SentRecord): Markup {
  const { id, recorded_at, state, reason, distinct_id, attempts } = record;
  const shown = reason === null ? state : `${state}: ${reason}`;
  return html`<tr><td>${id}<td>${utcTime(recorded_at).slice(11)}<td>${whatOf(record)}<td>${outcomeOf(record)}<td class="${state}">${shown}<td><code>${distinct_id ?? 'not known yet'}</code><td>${attempts}<td><details><summary>show</summary><pre>${plainText(JSON.stringify(payload, null, 1))}</pre></details>
`;
}
