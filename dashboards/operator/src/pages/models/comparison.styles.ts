/** How two versions beside each other look. */
import { css } from "lit";

export const comparisonStyles = css`
  :host {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 1rem;
    padding: 0;
    margin: 0;
  }
  section.verdict {
    display: flex;
    gap: 1rem;
    align-items: start;
    border-left: 6px solid var(--u-none);
  }
  .verdict > ussop-icon {
    flex: none;
    width: 2.25rem;
    height: 2.25rem;
    color: var(--u-none);
  }
  .verdict.passed {
    border-left-color: var(--u-pass);
  }
  .verdict.passed > ussop-icon {
    color: var(--u-pass);
  }
  .verdict.blocked {
    border-left-color: var(--u-fail);
  }
  .verdict.blocked > ussop-icon {
    color: var(--u-fail);
  }
  .verdict.overridden {
    border-left-color: var(--u-uncertain);
  }
  .verdict.overridden > ussop-icon {
    color: var(--u-uncertain);
  }
  .verdict > div {
    display: grid;
    gap: 0.25rem;
    min-width: 0;
  }
  .reasons li::before {
    content: "– ";
  }
  .pairs th[scope="row"] {
    min-width: 11rem;
    font-size: 0.9375rem;
    color: var(--u-text);
  }
  .pairs td,
  .pairs th {
    vertical-align: top;
    padding: 0.625rem 0.75rem 0.625rem 0;
  }
  .pairs td {
    min-width: 9.5rem;
  }
  .pairs thead td {
    min-width: 0;
  }
  .pairs small {
    display: block;
    font-weight: 400;
    font-size: 0.8125rem;
  }
  .pairs td > b {
    font-size: 1.125rem;
  }
  .band {
    position: relative;
    display: block;
    max-width: 12rem;
    height: 0.375rem;
    margin: 0.25rem 0;
    border-radius: 3px;
    background: var(--u-sunken);
  }
  .band i {
    position: absolute;
    height: 100%;
    border-radius: 3px;
    background: var(--u-line-strong);
  }
  .band em {
    position: absolute;
    top: -0.1875rem;
    width: 3px;
    height: 0.75rem;
    margin-left: -1px;
    border-radius: 2px;
    background: var(--u-text);
  }
  .better {
    display: inline-block;
    padding: 0.125rem 0.625rem;
    border-radius: 8px;
    background: var(--u-none-soft);
    color: var(--u-none);
    font-weight: 650;
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  .better.candidate {
    background: var(--u-pass-soft);
    color: var(--u-pass);
  }
  .better.deployed {
    background: var(--u-fail-soft);
    color: var(--u-fail);
  }
  .differing {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 0.875rem;
  }
  .cards {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(28rem, 100%), 1fr));
    gap: 1rem;
  }
  p.nothing {
    display: flex;
    align-items: center;
    justify-content: center;
    gap: 0.5rem;
    padding: 2rem 1rem;
  }
  p.nothing ussop-icon {
    color: var(--u-pass);
  }
  @media (max-width: 640px) {
    /* The name above its three figures; the roles keep it a table for those who listen. */
    .pairs tr {
      display: grid;
      grid-template-columns: minmax(0, 1fr) minmax(0, 1fr) auto;
      gap: 0 0.75rem;
      border-bottom: 1px solid var(--u-line);
    }
    .pairs :is(td, th) {
      min-width: 0;
      border: 0;
      padding: 0.25rem 0;
    }
    .pairs th[scope="row"] {
      grid-column: 1 / -1;
      padding-top: 0.625rem;
    }
    .pairs thead td {
      display: none;
    }
  }
  wa-dialog.large {
    --width: min(96vw, 80rem);
  }
  wa-dialog img {
    display: block;
    width: 100%;
    image-rendering: auto;
  }
`;
