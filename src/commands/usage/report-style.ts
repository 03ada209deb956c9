/** The look of the report, in light and in dark. */
export const STYLE = `
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #ffffff; --ink: #1d2421; --soft: #57635d; --line: #dcdfd9;
  --good: #14735a; --bad: #b3261e; --bad-soft: #f3c9c4; --area: #2b62b5; --mark: #8a5a00; --mark-soft: #f2dfb5; }
@media (prefers-color-scheme: dark) { :root { --paper: #121614; --card: #1a1f1c; --ink: #e8ece9; --soft: #a3afa8;
  --line: #323a35; --good: #4cc79d; --bad: #ff9187; --bad-soft: #5c2823; --area: #82aef0; --mark: #e2b355; --mark-soft: #57431a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2.5rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -.015em; margin: 0 0 .3rem; }
h2 { font-size: 1.15rem; margin: 0 0 .2rem; }
p { margin: 0 0 .8rem; }
.lead, .soft { color: var(--soft); }
.why { border-left: 4px solid var(--good); padding: .5rem 1rem; background: var(--card); margin: 1.4rem 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; margin: 1.4rem 0; padding: 0; }
.figures div { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem; }
.figures dt { color: var(--soft); font-size: .85rem; text-transform: capitalize; }
.figures dd { margin: 0; font-size: 1.5rem; font-weight: 650; font-variant-numeric: tabular-nums; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; padding: 1.2rem 1.3rem; margin: 1.2rem 0; }
.chart { overflow-x: auto; margin: .8rem 0 .4rem; }
svg { display: block; width: 100%; min-width: 34rem; height: auto; }
svg text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--soft); font-variant-numeric: tabular-nums; }
svg .end { text-anchor: end; }
svg .mid { text-anchor: middle; }
svg .good { fill: var(--good); }
svg .failed { stroke: var(--bad); stroke-width: 1; }
svg .rare { stroke: var(--mark); stroke-width: 1; }
svg .failed-ground { fill: var(--bad-soft); }
svg .failed-line { fill: var(--bad); }
svg .rare-ground { fill: var(--mark-soft); }
svg .rare-line { fill: var(--mark); }
svg .area { fill: var(--area); fill-opacity: .28; stroke: var(--area); stroke-width: 1.5; }
svg .axis { stroke: var(--soft); }
svg .grid { stroke: var(--line); stroke-dasharray: 3 4; }
svg .hit { fill: transparent; }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; color: var(--soft); font-size: .9rem; margin: 0; padding: 0; list-style: none; }
.key span { display: inline-block; width: .85rem; height: .85rem; margin-right: .4rem; vertical-align: -.08rem; border: 1px solid transparent; }
.key .good { background: var(--good); }
.key .rare { border-color: var(--mark); background: repeating-linear-gradient(45deg, var(--mark) 0 2px, var(--mark-soft) 2px 4px); }
.key .failed { border-color: var(--bad); background: repeating-linear-gradient(45deg, var(--bad) 0 2px, var(--bad-soft) 2px 4px); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .38rem .8rem .38rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--soft); white-space: nowrap; }
.delivered { color: var(--good); } .quarantined { color: var(--bad); } .pending { color: var(--mark); }
code, pre { font: .85rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .4rem 0; padding: .7rem .9rem; background: var(--paper);
  border: 1px solid var(--line); border-radius: .5rem; min-width: 18rem; }
summary { cursor: pointer; }
details.day { border-top: 1px solid var(--line); padding: .55rem 0; content-visibility: auto; contain-intrinsic-size: auto 2.6rem; }
details.day > summary { font-weight: 600; }
:focus-visible { outline: 3px solid var(--area); outline-offset: 2px; border-radius: .2rem; }
footer { color: var(--soft); font-size: .9rem; margin-top: 2rem; }
@media print { body { max-width: none; } section { break-inside: avoid; } .chart { overflow: visible; } svg { min-width: 0; } }
`;
