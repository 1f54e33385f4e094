/** Rules that most components share; each takes them into its own style sheets. */
import { css } from "lit";

export const shared = css`
  :host {
    box-sizing: border-box;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  [hidden] {
    display: none !important;
  }
  h1,
  h2,
  h3,
  p,
  dl,
  dd,
  ul,
  ol {
    margin: 0;
    padding: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  h1 {
    font-size: 1.5rem;
    line-height: 1.2;
    letter-spacing: -0.01em;
  }
  h2 {
    font-size: 1.0625rem;
    line-height: 1.3;
  }
  h3 {
    font-size: 0.9375rem;
  }
  a {
    color: var(--u-accent);
  }
  :focus-visible {
    outline: 3px solid var(--u-accent);
    outline-offset: 2px;
    border-radius: 4px;
  }
  .number {
    font-variant-numeric: tabular-nums;
  }
  .quiet {
    color: var(--u-quiet);
  }
  .small {
    font-size: 0.875rem;
  }
  .mono {
    font-family: var(--u-mono);
    font-size: 0.875em;
  }
  .card {
    background: var(--u-surface);
    border: 1px solid var(--u-line);
    border-radius: var(--u-radius);
    box-shadow: var(--u-shadow);
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.75rem;
  }
  .spread {
    justify-content: space-between;
  }
  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
`;

/** A page: a title, tools beside it, and the room below. */
export const pageLayout = css`
  :host {
    display: block;
    padding: 1.25rem 1.5rem 2rem;
    max-width: 1600px;
    margin: 0 auto;
  }
  header.page {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    flex: none; /* in a page that is as high as the screen it must not shrink below its rows */
    gap: 0.75rem 1.5rem;
    margin-bottom: 1.25rem;
    min-height: 2.5rem;
  }
  @media (max-width: 640px) {
    :host {
      padding: 1rem 0.875rem 1.5rem;
    }
    header.page .row {
      gap: 0.5rem; /* two buttons and two steps fit beside each other, in German too */
    }
  }
`;

/** What went wrong, and what was done. */
export const notes = css`
  .note {
    margin-bottom: 1rem;
    padding: 0.75rem 1rem;
    border-radius: 8px;
    background: var(--u-pass-soft);
    color: var(--u-pass);
    overflow-wrap: anywhere;
  }
  .note.problem {
    background: var(--u-fail-soft);
    color: var(--u-fail);
  }
  .note.away {
    background: var(--u-uncertain-soft);
    color: var(--u-uncertain);
  }
`;

/** A choice of one among few, as links or buttons side by side. */
export const tabs = css`
  .tabs {
    display: flex;
    max-width: 100%;
    overflow-x: auto;
    padding: 0.25rem;
    border-radius: 10px;
    background: var(--u-sunken);
  }
  .tabs :is(a, button) {
    display: grid;
    place-content: center;
    min-height: 2.5rem;
    padding: 0 0.875rem;
    border: 0;
    border-radius: 8px;
    background: none;
    color: var(--u-quiet);
    font: inherit;
    font-weight: 550;
    white-space: nowrap;
    text-decoration: none;
    cursor: pointer;
  }
  .tabs :is([aria-current], [aria-pressed="true"]) {
    background: var(--u-surface);
    color: var(--u-text);
    box-shadow: var(--u-shadow);
  }
`;

export const tables = css`
  .scroll {
    position: relative; /* what is unseen inside must not widen the page */
    overflow-x: auto;
  }
  table {
    width: 100%;
    border-collapse: collapse;
  }
  th {
    font-size: 0.8125rem;
    font-weight: 600;
    color: var(--u-quiet);
    text-align: left;
  }
  th,
  td {
    padding: 0.5rem 0.375rem;
    border-bottom: 1px solid var(--u-line);
    overflow-wrap: anywhere;
  }
  th {
    overflow-wrap: normal;
  }
  th.number,
  td.number {
    text-align: right;
    white-space: nowrap;
  }
`;

/** Where there is nothing: a sign and a sentence in the middle. */
export const emptiness = css`
  .empty {
    display: grid;
    justify-items: center;
    gap: 0.75rem;
    padding: 4rem 1rem;
    text-align: center;
  }
  .empty ussop-icon {
    width: 3rem;
    height: 3rem;
    color: var(--u-line-strong);
  }
`;

/** A square button with a sign only: back, previous, next. */
export const steps = css`
  .step {
    display: grid;
    place-content: center;
    flex: none;
    width: 2.75rem;
    height: 2.75rem;
    border: 1px solid var(--u-line);
    border-radius: 8px;
    background: var(--u-surface);
    color: var(--u-text);
    cursor: pointer;
  }
  .step:disabled {
    opacity: 0.45;
    cursor: default;
  }
`;

/** The dark plate under a picture, with what is drawn over it: a line in two strokes is seen on any part. */
export const plate = css`
  :host {
    display: block;
    position: relative;
    overflow: hidden;
    border-radius: 6px;
    background: var(--u-plate);
  }
  .over {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    object-fit: contain;
  }
  .shape,
  .edge {
    fill: none;
    stroke: #ff4d57;
    stroke-width: 2.5px;
    vector-effect: non-scaling-stroke;
  }
  .edge {
    stroke: rgb(0 0 0 / 68%);
    stroke-width: 5px;
  }
`;

/** Names on the left, values on the right. */
export const facts = css`
  dl.facts {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr);
    gap: 0.375rem 1rem;
  }
  dl.facts dt {
    color: var(--u-quiet);
  }
  dl.facts dd {
    text-align: right;
    font-weight: 600;
    overflow-wrap: anywhere;
  }
`;

/** How much of something: a track, and a span that fills a part of it. */
export const bars = css`
  .bar {
    height: 0.5rem;
    border-radius: 4px;
    background: var(--u-sunken);
    overflow: hidden;
  }
  .bar span {
    display: block;
    height: 100%;
    background: var(--u-accent);
  }
`;

/** Forms, tables and notes of the pages that administer something. */
export const sheet = [
  notes,
  tabs,
  tables,
  facts,
  bars,
  css`
    .columns {
      display: grid;
      grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr));
      gap: 1rem;
      align-items: start;
    }
    section.card,
    form.card {
      display: grid;
      grid-template-columns: minmax(0, 1fr);
      gap: 0.75rem;
      padding: 1rem 1.125rem;
      min-width: 0;
      overflow: clip; /* hidden icons of inputs reach beyond them, and would widen the page */
    }
    /* In a table, where the head already says it to those who see. */
    .bare::part(form-control-label),
    .bare::part(label) {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
    :is(section, form).card > .note {
      margin: 0;
    }
  `,
];
